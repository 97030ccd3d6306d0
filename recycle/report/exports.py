"""What others can go on working with: every table as CSV, the data set and all predictions for FiftyOne."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recycle.data.coco import Dataset, write_coco
from recycle.files import write_text
from recycle.predictions.coco_results import write_coco_results
from recycle.predictions.values import Predictions

Cell = str | int | float | None

LABELS, PREDICTIONS, LOADER = "labels.json", "predictions", "load.py"

_LOADER = '''"""Opens annotations and predictions in FiftyOne: `pip install fiftyone`, then `python {loader}`."""

import json
from pathlib import Path

import fiftyone as fo
import fiftyone.utils.coco as fouc

HERE = Path(__file__).absolute().parent
IMAGES = {images!r}
PREDICTIONS = {predictions!r}

dataset = fo.Dataset.from_dir(
    dataset_type=fo.types.COCODetectionDataset,
    data_path=IMAGES,
    labels_path=str(HERE / {labels!r}),
    label_field={{"detections": "truth", "coco_id": "coco_id"}},
    include_id=True,
)
categories = json.loads((HERE / {labels!r}).read_text(encoding="utf-8"))["categories"]
for field, file in PREDICTIONS.items():
    fouc.add_coco_labels(dataset, field, str(HERE / file), categories, coco_id_field="coco_id")

if __name__ == "__main__":
    fo.launch_app(dataset).wait()
'''


@dataclass(frozen=True)
class DataTable:
    """A table, before it is drawn or written.

    Attributes:
        name: What a file of it is called, without suffix.
        caption: What it tells, in words.
        columns: Their headings.
        rows: As many cells each as there are columns; None stands for what is not known.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def to_csv(self) -> str:
        """The table as CSV with a line of headings; cells that are not known are empty."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return text.getvalue()


def write_tables(tables: Sequence[DataTable], folder: Path) -> tuple[Path, ...]:
    """Writes each table as a CSV file under its name.

    Args:
        tables: Tables with different names.
        folder: Where the files go; it is made if it is missing.

    Returns:
        The files.
    """
    files = tuple(folder / f"{table.name}.csv" for table in tables)
    for table, file in zip(tables, files, strict=True):
        write_text(table.to_csv(), file)
    return files


def write_fiftyone(dataset: Dataset, predictions: Mapping[str, Predictions], folder: Path) -> Path:
    """Writes annotations, predictions as COCO results, and a script that loads both into FiftyOne.

    Images are not copied: the script names the folder where they lie.

    Args:
        dataset: The images and their annotations.
        predictions: Predictions of one model each, by a name that may be that of a file.
        folder: Where the files go; it is made if it is missing.

    Returns:
        The script.

    Raises:
        DataError: If predictions are of several models or do not fit the data set, see `write_coco_results`.
    """
    write_coco(dataset, folder / LABELS)
    category_ids = [category.id for category in dataset.categories]
    files = {name: f"{PREDICTIONS}/{name}.json" for name in predictions}
    for name, one in predictions.items():
        write_coco_results(one, category_ids, folder / files[name])
    script = _LOADER.format(
        loader=LOADER,
        images=str(dataset.folder.absolute()),
        labels=LABELS,
        predictions=dict(zip(_fields(list(files)), files.values(), strict=True)),
    )
    write_text(script, folder / LOADER)
    return folder / LOADER


def _fields(names: Sequence[str]) -> list[str]:
    """Names that FiftyOne takes for fields: words, all different and not those of the annotations."""
    fields: list[str] = []
    for name in names:
        field = re.sub(r"\W", "_", name)
        while field in ("truth", "coco_id", *fields):
            field += "_"
        fields.append(field)
    return fields
