"""The parts of the page that are of runs that label pixels: what came out, classes, and pictures."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from recycle.data.coco import Dataset
from recycle.data.images import read_image
from recycle.data.label_maps import label_map_of, scale_label_map
from recycle.evaluation.segmentation import SegmentationScores
from recycle.fusion.ensemble import ENSEMBLE
from recycle.fusion.voting import labels_of_shares
from recycle.predictions.probabilities import ImageProbabilities
from recycle.report.ensemble import DEFAULT_FUSION, TUNED_FUSION
from recycle.report.exports import DataTable
from recycle.report.label_map_pictures import draw_label_map_on, enlarged
from recycle.report.page import charts
from recycle.report.page.blocks import Block, Fact, Facts, Figure, Pane, Photograph, Photographs, Section, Table, Text
from recycle.report.page.contents import ReportContents
from recycle.report.page.photographs import data_uri
from recycle.report.progress import duration
from recycle.report.sample_pictures import evenly_spread

Ratings = Mapping[str, Mapping[str, Any]]


def pixel_summary(contents: ReportContents) -> Section:
    """What came out of the run."""
    models = len(contents.recipe.models)
    lead = (
        f"Semantic segmentation of {len(contents.facts.classes)} classes and the background with {models} "
        f"{'model' if models == 1 else 'models'}, recipe “{contents.recipe.name}”, seed {contents.recipe.seed}."
    )
    if contents.results is None:
        done = f"{len(contents.finished)} of {len(contents.members)} members are done"
        return Section("summary", "Summary", f"{lead} The run has not finished: {done}.")
    return Section("summary", "Summary", lead, tuple(_summary_blocks(contents, contents.results)))


def pixel_classes(contents: ReportContents) -> Section:
    """How well each class is found, by each model and the ensemble."""
    if contents.results is None:
        return Section("classes", "Classes", "There are no scores yet.")
    columns = {**contents.results["models"], ENSEMBLE: contents.results["ensemble"]}
    ious = {name: _class_ious(parts["oof"]) for name, parts in columns.items()}
    names = list(ious[ENSEMBLE])
    known = {name: iou for name, iou in ious[ENSEMBLE].items() if iou is not None}
    worst = min(known, key=lambda name: known[name], default="")
    lead = f"The ensemble finds {worst} worst, with an IoU of {known[worst]:.3f} out of fold." if worst else ""
    figure = Figure(
        name="class-ious",
        title="IoU by class, out of fold",
        saying=lead,
        spec=charts.columns(
            names,
            {model: [values[name] or 0.0 for name in names] for model, values in ious.items()},
            {"title": {"text": "IoU"}, "range": [0, 1]},
            mode="group",
        ),
        height=360,
    )
    rows = tuple((name, *(values[name] for values in ious.values())) for name in names)
    table = Table(DataTable("class-ious", "IoU by class, out of fold", ("class", *ious), rows))
    return Section("classes", "Classes", lead, (figure, table))


def pixel_pictures(contents: ReportContents) -> Section:
    """Photographs under what was predicted of their pixels."""
    pictures = contents.pictures
    groups = {"Training images, out of fold": pictures.worst, "Test images": pictures.test}
    blocks = tuple(
        Photographs(title, photographs, is_wide=True) for title, photographs in groups.items() if photographs
    )
    if not blocks:
        return Section(
            "pictures", "Pictures", pictures.remark or "There is no ensemble yet whose labels could be shown."
        )
    lead = "Images evenly spread over all of them: on the left what there is, where it is known, on the right what was "
    return Section("pictures", "Pictures", f"{lead}predicted.", blocks)


def label_map_photographs(
    dataset: Dataset, predictions: ImageProbabilities | None, count: int, kind: str = "sample"
) -> list[Photograph]:
    """Images evenly spread over a data set, their pixels coloured by class.

    Args:
        dataset: The images.
        predictions: What was predicted, to be shown beside the truth; None shows the truth alone.
        count: How many at most.
        kind: Names the photographs on the page.

    Raises:
        DataError: If an image cannot be read.
    """
    annotations = dataset.annotations_by_image()
    images = [image for image in dataset.images if predictions is None or image.id in predictions]
    photographs = []
    for position in evenly_spread(len(images), count):
        image = images[position]
        pixels = read_image(dataset.path_of(image), image.width, image.height)
        maps = {"Truth": label_map_of(dataset, image, annotations[image.id])} if annotations[image.id] else {}
        if predictions is not None:
            labels = labels_of_shares(predictions[image.id])
            maps["Prediction"] = scale_label_map(labels, (image.height, image.width))
        sides = [draw_label_map_on(*enlarged(pixels, labels), dataset.class_names) for labels in maps.values()]
        drawn = np.hstack(sides or [pixels])
        sayings = [f"{title}: {_sentence(labels, dataset.class_names)}" for title, labels in maps.items()]
        pane = Pane(" | ".join(maps), " ".join(sayings), ())
        name = f"{kind}-{image.id}"
        photographs.append(
            Photograph(name, image.file_name, "", drawn.shape[1], drawn.shape[0], data_uri(drawn), [pane])
        )
    return photographs


def _summary_blocks(contents: ReportContents, results: Mapping[str, Any]) -> Iterator[Block]:
    pooled: Ratings = results["fusion"]["pooled"]["ratings"]
    held_out: Ratings = results["fusion"]["held_out"]["ratings"]
    models = [name for name in pooled if name not in (DEFAULT_FUSION, TUNED_FUSION)]
    best = max(models, key=lambda name: float(pooled[name]["score"]))
    fusion: str = results["fusion"]["stands"]
    told = "tuned on other folds" if fusion == TUNED_FUSION else "mean of folds"
    facts = [
        Fact("mIoU, ensemble", *_ensemble(results)),
        Fact(f"mIoU, {fusion}", *_scored(pooled[fusion], "out of fold")),
        Fact("mIoU, held out", *_scored(held_out[fusion], told)),
        Fact("mIoU, best single model", *_scored(pooled[best], best)),
        Fact("Members finished", str(len(contents.finished)), f"of {len(contents.members)}; {_time(contents)}"),
    ]
    yield Facts(tuple(facts))
    for member in contents.failed:
        yield Text(f"{member.name} was given up: {member.reason}", "warning")
    yield _ratings_figure(pooled, held_out)
    yield from _score_tables(results)


def _ensemble(results: Mapping[str, Any]) -> tuple[str, str]:
    test = results["ensemble"].get("test", {}).get("miou")
    refined = "after the random field" if results["fusion"].get("crf") else "without a random field"
    tested = "" if test is None else f", {test:.4f} on the test part"
    return f"{results['ensemble']['oof']['miou']:.4f}", f"out of fold, {refined}{tested}"


def _time(contents: ReportContents) -> str:
    return f"{duration(sum(member.seconds or 0 for member in contents.finished))} of training and prediction"


def _scored(rating: Mapping[str, Any], what: str) -> tuple[str, str]:
    interval = rating["interval"]
    return f"{rating['score']:.4f}", f"{interval['low']:.4f} to {interval['high']:.4f} (95 %), {what}"


def _ratings_figure(pooled: Ratings, held_out: Ratings) -> Figure:
    names = sorted(pooled, key=lambda name: -float(pooled[name]["score"]))
    groups = {"all images": pooled, "held out": held_out}
    return Figure(
        name="scores",
        title="mIoU out of fold, with 95 % intervals",
        saying=f"The highest is that of {names[0]}; held out: each fold was voted on with settings found on others.",
        spec=charts.intervals(
            names,
            {group: [_point(ratings[name]) for name in names] for group, ratings in groups.items()},
            {"title": {"text": "mIoU"}, "rangemode": "nonnegative"},
        ),
        height=charts.rows_height(len(names), 90),
    )


def _point(rating: Mapping[str, Any]) -> tuple[float, float, float]:
    return rating["score"], rating["interval"]["low"], rating["interval"]["high"]


def _score_tables(results: Mapping[str, Any]) -> Iterator[Table]:
    groups = {"fused": {ENSEMBLE: results["ensemble"]}, "model": results["models"], "member": results["members"]}
    for part, title in (("oof", "Scores out of fold"), ("test", "Scores on the test part")):
        rows = tuple(
            (name, kind, *(parts[part][column] for column in SegmentationScores.columns))
            for kind, group in groups.items()
            for name, parts in group.items()
            if part in parts
        )
        if rows:
            columns = ("", "kind", *SegmentationScores.columns.values())
            emphasis = [place for place, row in enumerate(rows) if row[1] != "member"]
            yield Table(DataTable(f"scores-{part}", title, columns, rows), emphasis=emphasis)


def _class_ious(scores: Mapping[str, Any]) -> dict[str, float | None]:
    return {name: one["iou"] for name, one in scores["classes"].items()}


def _sentence(labels: Any, names: tuple[str, ...]) -> str:  # noqa: ANN401 - an array
    shown = [names[label - 1] for label in np.unique(labels).tolist() if 0 < label <= len(names)]
    return f"{', '.join(shown)}." if shown else "nothing but background."
