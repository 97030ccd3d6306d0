import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from recycle.data.coco import read_coco
from recycle.data.folds import read_folds
from recycle.data.prepare import PreparedData, draw_sample, prepare_data, read_prepared, write_prepared
from recycle.errors import DataError
from recycle.paths import RunPaths
from recycle.recipe import Data, Repair, Synthetic
from tests.data.small_dataset import HEIGHT, WIDTH, document, noise

IMAGES = 24


def settings_of(*repair: Repair, folds: int = 2, fraction: float = 0.25) -> Data:
    return Data(folds=folds, test_fraction=fraction, repair=repair, synthetic=Synthetic(images=24, image_size=64))


def records(prefix: str, count: int, first_seed: int, folder: Path) -> list[dict[str, Any]]:
    """Draws images and returns their records."""
    (folder / prefix).mkdir(parents=True)
    found = []
    for number in range(1, count + 1):
        name = f"{prefix}/{number}.png"
        noise(first_seed + number).save(folder / name)
        found.append({"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT})
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty-four different images of two classes."""
    path = tmp_path / "photographs"
    images = records("images", IMAGES, 0, path)
    annotations = [
        {
            "id": i["id"],
            "image_id": i["id"],
            "category_id": i["id"] % 2,
            "bbox": [4, 4, 10, 10],
            "area": 100,
            "iscrowd": 0,
        }
        for i in images
    ]
    write(path / "annotations.json", {**document(), "images": images, "annotations": annotations})
    return path


def write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content))


def spoil(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    write(path, content)


def add_test_part(folder: Path, **changes: Any) -> None:
    categories = document()["categories"]
    write(folder / "test.json", {"categories": categories, "images": records("new", 3, 100, folder), **changes})


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    return RunPaths(tmp_path / "run")


def prepare(folder: Path | None, paths: RunPaths, settings: Data | None = None, seed: int = 0) -> PreparedData:
    settings = settings or settings_of()
    return prepare_data(settings, seed, folder or draw_sample(settings, seed, paths), paths)


def refusal(folder: Path, paths: RunPaths) -> str:
    with pytest.raises(DataError) as caught:
        prepare(folder, paths)
    return str(caught.value)


def names(prepared: PreparedData, part: str) -> set[str]:
    return {image.file_name for image in getattr(prepared, part).images}


def test_without_a_folder_the_sample_is_drawn_into_the_run(paths: RunPaths) -> None:
    prepared = prepare(None, paths)
    assert len(prepared.train.images) + len(prepared.test.images) == 24
    assert len(prepared.train.class_names) == 10
    assert all(prepared.train.path_of(image).is_file() for image in prepared.train.images)
    assert prepared.train.folder == paths.sample.absolute()
    assert prepared.has_answers
    assert prepared.digest == prepare(None, paths).digest
    assert prepared.digest != prepare(None, paths, seed=1).digest


def test_a_test_part_is_set_aside_and_the_rest_is_in_folds(folder: Path, paths: RunPaths) -> None:
    prepared = prepare(folder, paths)
    assert len(prepared.test.images) == IMAGES / 4
    assert names(prepared, "train") | names(prepared, "test") == {f"images/{n}.png" for n in range(1, IMAGES + 1)}
    assert not names(prepared, "train") & names(prepared, "test")
    assert set(prepared.folds.assignment) == names(prepared, "train")
    assert prepared.has_answers
    assert prepared.warnings == {}


def test_everything_is_written_to_the_run(folder: Path, paths: RunPaths) -> None:
    prepared = prepare(folder, paths)
    assert not paths.train.exists()
    write_prepared(prepared, paths)
    assert read_coco(paths.train, folder) == prepared.train
    assert read_coco(paths.test, folder) == prepared.test
    assert read_folds(paths.folds) == prepared.folds
    assert json.loads(paths.validation.read_text()) == {"counts": {}, "findings": []}
    assert paths.validation_table.read_text() == "nothing found\n"


def test_near_duplicates_stay_together(folder: Path, paths: RunPaths) -> None:
    for number in range(2, IMAGES + 1, 2):
        noise(number - 1).save(folder / f"images/{number}.png")
    prepared = prepare(folder, paths)
    for number in range(2, IMAGES + 1, 2):
        one, other = f"images/{number - 1}.png", f"images/{number}.png"
        assert (one in names(prepared, "test")) == (other in names(prepared, "test"))
        assert prepared.folds.assignment.get(one) == prepared.folds.assignment.get(other)


def test_a_test_file_is_predicted_and_all_else_trained_on(folder: Path, paths: RunPaths) -> None:
    add_test_part(folder)
    prepared = prepare(folder, paths)
    assert names(prepared, "test") == {"new/1.png", "new/2.png", "new/3.png"}
    assert len(prepared.train.images) == IMAGES
    assert set(prepared.folds.assignment) == names(prepared, "train")
    assert not prepared.has_answers


def test_a_test_file_with_answers_is_scored(folder: Path, paths: RunPaths) -> None:
    box = {"id": 1, "image_id": 2, "category_id": 1, "bbox": [1, 1, 5, 5], "area": 25, "iscrowd": 0}
    add_test_part(folder, annotations=[box])
    assert prepare(folder, paths).has_answers


@pytest.mark.parametrize(
    ("categories", "told"),
    [
        ([{"id": 0, "name": "Paper"}], "categories[1] is absent instead of Category(id=1, name='Glass')"),
        (
            [{"id": 0, "name": "Paper"}, {"id": 1, "name": "Metal"}],
            "categories[1] is Category(id=1, name='Metal') instead of Category(id=1, name='Glass')",
        ),
        (
            [{"id": 1, "name": "Glass"}, {"id": 0, "name": "Paper"}],
            "categories[0] is Category(id=1, name='Glass') instead of Category(id=0, name='Paper')",
        ),
        (
            [*({"id": n, "name": name} for n, name in enumerate(("Paper", "Glass", "Metal")))],
            "categories[2] is Category(id=2, name='Metal') instead of absent",
        ),
    ],
)
def test_another_class_list_is_refused(folder: Path, paths: RunPaths, categories: Any, told: str) -> None:
    add_test_part(folder, categories=categories)
    assert refusal(folder, paths) == (
        f"{folder / 'test.json'}: its class list must be that of annotations.json, but {told}"
    )


def test_a_missing_folder_is_refused(tmp_path: Path, paths: RunPaths) -> None:
    assert refusal(tmp_path / "none", paths) == f"{tmp_path / 'none'}: there is no such folder"
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file", paths) == f"{tmp_path / 'file'}: there is no such folder"


def test_a_folder_without_annotations_is_refused(tmp_path: Path, paths: RunPaths) -> None:
    (tmp_path / "empty").mkdir()
    told = refusal(tmp_path / "empty", paths)
    assert "annotations.json" in told
    assert "there is no such file" in told


def test_errors_of_both_files_are_told_together_and_written_down(folder: Path, paths: RunPaths) -> None:
    add_test_part(folder)
    spoil(folder / "annotations.json", lambda c: c["annotations"][0].update(bbox=[1, 2, 0, 4]))
    (folder / "new/2.png").unlink()
    told = refusal(folder, paths)
    assert told.startswith("the data set has 2 errors:")
    assert "box_empty (1)" in told
    assert "`data.repair: [drop_empty_boxes]` would repair it" in told
    assert "new/2.png, image 2: there is no such file" in told
    assert json.loads(paths.validation.read_text())["counts"] == {"box_empty": 1, "image_missing": 1}
    assert "image_missing" in paths.validation_table.read_text()
    assert not paths.train.exists()


def test_repairs_are_made_and_counted(folder: Path, paths: RunPaths) -> None:
    spoil(folder / "annotations.json", lambda c: c["annotations"][0].update(bbox=[1, 2, 0, 4]))
    spoil(folder / "annotations.json", lambda c: c["annotations"][2].update(bbox=[40, 2, 20, 4]))
    (folder / "images/9.png").unlink()
    prepared = prepare(folder, paths, settings_of("drop_empty_boxes", "clip_boxes", "drop_broken_images"))
    assert prepared.warnings == {"image_missing": 1, "box_empty": 1, "box_partly_outside": 1}
    assert len(prepared.train.images) + len(prepared.test.images) == IMAGES - 1
    assert len(prepared.train.annotations) + len(prepared.test.annotations) == IMAGES - 2
    everything = prepared.train.annotations + prepared.test.annotations
    assert max(a.bbox[0] + a.bbox[2] for a in everything) == WIDTH


def test_the_digest_is_that_of_pixels_annotations_and_folds(folder: Path, tmp_path: Path) -> None:
    runs = iter(RunPaths(tmp_path / f"run{number}") for number in range(9))
    before = prepare(folder, next(runs)).digest
    assert prepare(folder, next(runs)).digest == before
    moved = folder.rename(tmp_path / "moved")
    assert prepare(moved, next(runs)).digest == before
    seen = {before, prepare(moved, next(runs), settings_of(folds=3)).digest, prepare(moved, next(runs), seed=5).digest}
    picture = noise(1)
    picture.putpixel((0, 0), tuple(255 - np.array(picture.getpixel((0, 0)))))
    picture.save(moved / "images/1.png")
    seen.add(prepare(moved, next(runs)).digest)
    spoil(moved / "annotations.json", lambda c: c["annotations"][3].update(bbox=[4, 4, 10, 11]))
    seen.add(prepare(moved, next(runs)).digest)
    assert len(seen) == 5


def test_the_digest_knows_the_test_images_too(folder: Path, tmp_path: Path) -> None:
    add_test_part(folder)
    before = prepare(folder, RunPaths(tmp_path / "one")).digest
    noise(777).save(folder / "new/3.png")
    assert prepare(folder, RunPaths(tmp_path / "two")).digest != before


def test_a_test_image_that_is_also_trained_on_is_named(folder: Path, paths: RunPaths) -> None:
    add_test_part(folder)
    folder.joinpath("new/1.png").write_bytes(folder.joinpath("images/1.png").read_bytes())
    correct_size(folder, "test.json", "new/1.png")
    prepared = prepare(folder, paths)
    assert prepared.warnings["image_in_both_parts"] == 1
    assert "the same file as 'images/1.png'" in paths.validation_table.read_text()


def correct_size(folder: Path, file: str, name: str) -> None:
    """Records the size that the image file has."""
    content = json.loads((folder / file).read_text())
    with PIL.Image.open(folder / name) as image:
        for record in content["images"]:
            if record["file_name"] == name:
                record["width"], record["height"] = image.size
    write(folder / file, content)


def test_what_was_written_is_read_again(folder: Path, paths: RunPaths) -> None:
    prepared = prepare(folder, paths)
    write_prepared(prepared, paths)
    again = read_prepared(folder.absolute(), paths)
    assert again.train == prepared.train
    assert again.test == prepared.test
    assert again.folds == prepared.folds
    assert again.groups.tolist() == prepared.groups.tolist()
    assert len(again.groups) == len(again.train.images)
    assert (again.has_answers, again.warnings, again.digest) == (True, prepared.warnings, prepared.digest)


def test_damaged_record_of_prepared_data_is_named(folder: Path, paths: RunPaths) -> None:
    write_prepared(prepare(folder, paths), paths)
    paths.prepared.write_text("{}")
    with pytest.raises(DataError, match=r"prepared\.json: not a record of prepared data: KeyError"):
        read_prepared(folder, paths)
