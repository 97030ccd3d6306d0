import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import PIL.Image
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recycle.data.coco import read_coco
from recycle.data.validation import RULES, Finding, Repair, load_dataset
from recycle.errors import DataError
from tests.data.small_dataset import HEIGHT, WIDTH, document, noise, write_dataset

Spoil = Callable[[dict[str, Any]], object]


def change(key: str, index: int, **fields: Any) -> Spoil:
    return lambda content: content[key][index].update(fields)


def remove(key: str, index: int, field: str) -> Spoil:
    return lambda content: content[key][index].pop(field)


def again(key: str, index: int, **fields: Any) -> Spoil:
    return lambda content: content[key].append({**content[key][index], **fields})


RLE = {"size": [5, 5], "counts": [25]}

SPOILT: list[tuple[str, Spoil, str, str]] = [
    # (rule, what spoils, record, part of the value)
    ("not_coco", lambda c: c.pop("images"), "images", "`images` is missing"),
    ("not_coco", lambda c: c.update(categories={}), "categories", "but got {}"),
    ("not_coco", lambda c: c.update(annotations=[]), "annotations", "but got []"),
    ("missing_key", remove("images", 0, "width"), "images[0] (id 1)", "`width` is missing"),
    ("missing_key", remove("annotations", 0, "bbox"), "annotations[0] (id 1)", "`bbox` is missing"),
    ("missing_key", remove("categories", 1, "id"), "categories[1]", "`id` is missing"),
    ("wrong_type", change("images", 1, id="2"), "images[1]", "but got '2'"),
    ("wrong_type", change("images", 1, file_name=7), "images[1] (id 2)", "but got 7"),
    ("wrong_type", change("images", 1, file_name=" "), "images[1] (id 2)", "must be text"),
    ("wrong_type", lambda c: c["images"].append(None), "images[3]", "but got None"),
    ("wrong_type", change("annotations", 1, id=1.5), "annotations[1]", "but got 1.5"),
    ("wrong_type", change("annotations", 1, image_id=True), "annotations[1] (id 2)", "but got True"),
    ("wrong_value", change("images", 1, file_name="a\0b"), "images[1] (id 2)", r"'a\x00b'"),
    ("wrong_value", change("images", 1, file_name="\ud800"), "images[1] (id 2)", r"'\ud800'"),
    ("wrong_value", change("images", 1, width=0), "images[1] (id 2)", "but got 0"),
    ("wrong_value", change("images", 1, height=10**30), "images[1] (id 2)", "but got 1000"),
    ("wrong_value", change("annotations", 1, iscrowd=2), "annotations[1] (id 2)", "but got 2"),
    ("box_malformed", change("annotations", 1, bbox=[1, 2, 3]), "annotations[1] (id 2)", "but got [1, 2, 3]"),
    ("box_malformed", change("annotations", 1, bbox=["1", 2, 3, 4]), "annotations[1] (id 2)", "'1'"),
    ("box_malformed", change("annotations", 1, bbox=None), "annotations[1] (id 2)", "None"),
    ("area_malformed", change("annotations", 1, area=-1), "annotations[1] (id 2)", "-1"),
    ("area_malformed", change("annotations", 1, area=float("nan")), "annotations[1] (id 2)", "nan"),
    ("segmentation_malformed", change("annotations", 0, segmentation=[[1, 2, 3, 4]]), "annotations[0] (id 1)", "[["),
    ("segmentation_malformed", change("annotations", 0, segmentation=[[1] * 7]), "annotations[0] (id 1)", "[["),
    ("segmentation_malformed", change("annotations", 0, segmentation={"size": [5, 5]}), "annotations[0] (id 1)", "{"),
    ("segmentation_size", change("annotations", 0, segmentation=RLE), "annotation 1", "[5, 5] in an image of [32, 48]"),
    ("duplicate_category_id", again("categories", 0, name="x"), "category 0", "0 occurs again"),
    ("duplicate_category_name", again("categories", 0, id=9), "category 9", "'Paper' occurs again"),
    ("duplicate_image_id", again("images", 0, file_name="x.jpg"), "image 1", "1 occurs again"),
    ("duplicate_file_name", again("images", 0, id=9), "image 9", "'images/1.jpg' occurs again"),
    ("duplicate_file_name", again("images", 0, id=9, file_name="./images//1.jpg"), "image 9", "'images/1.jpg'"),
    ("duplicate_annotation_id", again("annotations", 0), "annotation 1", "1 occurs again"),
    ("unknown_image", change("annotations", 0, image_id=77), "annotation 1", "image_id=77"),
    ("unknown_category", change("annotations", 0, category_id=77), "annotation 1", "category_id=77"),
    ("file_outside_folder", change("images", 0, file_name="/etc/hosts"), "image 1", "is absolute"),
    ("file_outside_folder", change("images", 0, file_name="images/../../x.jpg"), "image 1", "goes up by `..`"),
    ("image_missing", change("images", 0, file_name="images/none.jpg"), "image 1", "no such file"),
    ("image_size", change("images", 0, width=47), "image 1", "recorded 47x32, but is 48x32"),
    ("box_not_finite", change("annotations", 1, bbox=[1, float("nan"), 3, 4]), "annotation 2", "nan"),
    ("box_not_finite", change("annotations", 1, bbox=[1, 2, float("inf"), 4]), "annotation 2", "inf"),
    ("box_not_finite", change("annotations", 1, bbox=[1, 2, 10**400, 4], area=1), "annotation 2", "inf"),
    ("box_empty", change("annotations", 1, bbox=[1, 2, 0, 4]), "annotation 2", "[1.0, 2.0, 0.0, 4.0]"),
    ("box_empty", change("annotations", 1, bbox=[1, 2, 3, -4]), "annotation 2", "-4"),
    ("box_empty", change("annotations", 1, bbox=[40, 2, 1e-9, 4]), "annotation 2", "1e-09"),
    ("box_outside", change("annotations", 1, bbox=[48, 2, 3, 4]), "annotation 2", "in an image of 48x32"),
    ("box_outside", change("annotations", 1, bbox=[1, -9, 3, 9]), "annotation 2", "-9"),
    ("box_partly_outside", change("annotations", 1, bbox=[46, 2, 3, 4]), "annotation 2", "46"),
    ("box_partly_outside", change("annotations", 1, bbox=[-1, 2, 3, 4]), "annotation 2", "-1"),
    ("box_one_pixel", change("annotations", 1, bbox=[1, 2, 1, 4]), "annotation 2", "1.0, 4.0"),
    ("duplicate_annotation", again("annotations", 0, id=9), "annotation 9", "as annotation 1"),
    ("class_without_annotations", lambda c: c["categories"].append({"id": 5, "name": "Metal"}), "category 5", ""),
]


@pytest.mark.parametrize(("rule", "spoil", "record", "value"), SPOILT)
def test_each_fault_is_one_finding_with_record_and_value(
    tmp_path: Path, rule: str, spoil: Spoil, record: str, value: str
) -> None:
    report = load_dataset(write_dataset(tmp_path, spoil), tmp_path).report
    (finding,) = [finding for finding in report.findings if finding.rule == rule]
    assert finding.record == record
    assert value in finding.value
    assert finding.severity == RULES[rule].severity
    if finding.severity == "error":
        with pytest.raises(DataError, match=re.escape(value)):
            report.raise_on_errors()
    else:
        report.raise_on_errors()


def test_a_fault_does_not_bring_others_along(tmp_path: Path) -> None:
    """Annotations of a faulty image or category are not said to be of an unknown one."""
    path = write_dataset(tmp_path, change("images", 0, width="wide"))
    assert load_dataset(path, tmp_path).report.counts() == {"wrong_type": 1}


def _truncate(path: Path) -> None:
    noise(1, 300, 300).save(path)
    path.write_bytes(path.read_bytes()[:3000])


def _link_out(path: Path) -> None:
    target = path.parent.parent.parent / "elsewhere.jpg"
    noise(1).save(target)
    path.unlink()
    path.symlink_to(target)


def _turn(path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    noise(1).save(path, exif=exif)


@pytest.mark.parametrize(
    ("rule", "spoil", "value"),
    [
        ("image_missing", Path.unlink, "no such file"),
        ("image_unreadable", lambda path: path.write_bytes(b"?"), "not an image"),
        ("image_truncated", _truncate, "truncated"),
        ("image_size", lambda path: noise(1, 10, 20).save(path), "recorded 48x32, but is 10x20"),
        ("image_rotated", _turn, "EXIF orientation 6, recorded 48x32: read as stored"),
        ("file_outside_folder", _link_out, "is a link to"),
    ],
)
def test_each_fault_of_a_file_is_one_finding(
    tmp_path: Path, rule: str, spoil: Callable[[Path], object], value: str
) -> None:
    folder = tmp_path / "data"
    path = write_dataset(folder)
    spoil(folder / "images/1.jpg")
    (finding,) = load_dataset(path, folder).report.findings
    assert (finding.rule, finding.file, finding.record) == (rule, "images/1.jpg", "image 1")
    assert value in finding.value


def test_links_inside_the_folder_are_welcome(tmp_path: Path) -> None:
    path = write_dataset(tmp_path / "data")
    (tmp_path / "data/images").rename(tmp_path / "data/pictures")
    (tmp_path / "data/images").symlink_to(tmp_path / "data/pictures")
    (tmp_path / "alias").symlink_to(tmp_path / "data")
    assert not load_dataset(tmp_path / "alias" / path.name, tmp_path / "alias").report.findings


def test_a_turned_image_recorded_upright_is_read_as_displayed(tmp_path: Path) -> None:
    path = write_dataset(tmp_path, change("images", 0, width=HEIGHT, height=WIDTH))
    _turn(tmp_path / "images/1.jpg")
    (finding, _) = load_dataset(path, tmp_path).report.findings[::-1]
    assert (finding.rule, finding.value) == (
        "image_rotated",
        "EXIF orientation 6, recorded 32x48: read as displayed",
    )


@pytest.mark.parametrize("content", ["", "[1]", "null", "{", '"text"', "7"])
def test_a_file_that_is_not_coco_is_reported(tmp_path: Path, content: str) -> None:
    (tmp_path / "annotations.json").write_text(content)
    loaded = load_dataset(tmp_path / "annotations.json", tmp_path)
    assert loaded.report.counts() == {"not_coco": 1}
    assert loaded.dataset.images == ()
    with pytest.raises(DataError, match=r"annotations\.json"):
        loaded.report.raise_on_errors()


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.json: there is no such file"):
        load_dataset(tmp_path / "none.json", tmp_path).report.raise_on_errors()


def spoil_everything(content: dict[str, Any]) -> None:
    change("images", 0, width=47)(content)
    change("images", 2, file_name="images/none.jpg")(content)
    for number, box in enumerate([[1, 2, 0, 4], [1, float("nan"), 3, 4], [90, 90, 3, 4], [40, 20, 30, 40]]):
        again("annotations", 2, id=10 + number, bbox=box)(content)
    again("annotations", 2, id=20)(content)


EVERY_REPAIR: tuple[Repair, ...] = get_args(Repair)


def test_every_repair_is_counted_and_leaves_a_good_data_set(tmp_path: Path) -> None:
    path = write_dataset(tmp_path, spoil_everything)
    loaded = load_dataset(path, tmp_path, repairs=EVERY_REPAIR)
    loaded.report.raise_on_errors()
    assert {finding.repair for finding in loaded.report.findings} == set(EVERY_REPAIR)
    assert [image.id for image in loaded.dataset.images] == [1, 2]
    assert [(a.id, a.bbox) for a in loaded.dataset.annotations[2:]] == [
        (3, (0.0, 0.0, 48.0, 32.0)),
        (13, (40.0, 20.0, 8.0, 12.0)),
    ]
    assert loaded.dataset.annotations[3].area == 96
    (tmp_path / "again.json").write_text(json.dumps(loaded.dataset.to_coco()))
    assert not load_dataset(tmp_path / "again.json", tmp_path).report.findings


@pytest.mark.parametrize("repair", EVERY_REPAIR)
def test_without_its_switch_a_repair_is_an_error_that_names_it(tmp_path: Path, repair: Repair) -> None:
    path = write_dataset(tmp_path, spoil_everything)
    others = [other for other in EVERY_REPAIR if other != repair]
    report = load_dataset(path, tmp_path, repairs=others).report
    assert {finding.repair for finding in report.errors} == {repair}
    with pytest.raises(DataError, match=repair):
        report.raise_on_errors()


def test_labels_alone_can_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(json.dumps(document()))
    loaded = load_dataset(tmp_path / "labels.json", tmp_path / "none", check_images=False)
    assert not loaded.report.findings
    assert loaded.dataset == read_coco(tmp_path / "labels.json", tmp_path / "none")
    assert not loaded.facts


@pytest.mark.parametrize("spoil", [lambda c: c.pop("annotations"), lambda c: c.update(annotations=[])])
def test_test_images_need_no_annotations(tmp_path: Path, spoil: Spoil) -> None:
    path = write_dataset(tmp_path, spoil)
    loaded = load_dataset(path, tmp_path, labelled=False)
    assert not loaded.report.findings
    assert len(loaded.perceptual_hashes()) == 3


MENDED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(place for key in keys for place in places(value[key], (*path, key)))]


def put(content: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    content[place[0]] = put(content[place[0]], place[1:], value)
    return content


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_a_file_holds_it_loads_or_is_refused(tmp_path: Path, data: st.DataObject) -> None:
    content: Any = copy.deepcopy(document())
    for _ in range(data.draw(st.integers(1, 3))):
        content = put(content, data.draw(st.sampled_from(places(content))), data.draw(MENDED))
    (tmp_path / "fuzz.json").write_text(json.dumps(content))
    repairs = data.draw(st.sets(st.sampled_from(EVERY_REPAIR)))
    loaded = load_dataset(tmp_path / "fuzz.json", tmp_path, repairs=repairs, check_images=False)
    json.dumps(loaded.report.to_json(), allow_nan=False)
    loaded.report.table().encode()
    try:
        loaded.report.raise_on_errors()
    except DataError as error:
        str(error).encode()
        return
    boxes = loaded.dataset.boxes().boxes
    assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_rules_know_every_repair() -> None:
    assert {rule.repair for rule in RULES.values()} - {None} == set(EVERY_REPAIR)
    assert all(rule.severity == "error" for rule in RULES.values() if rule.repair)
    assert {rule for rule, *_ in SPOILT} <= set(RULES)


def test_a_finding_is_one_line() -> None:
    finding = Finding("error", "box_empty", "a\n\ud800.jpg", "annotation 1", "bbox", None)
    assert finding.line() == r"a\n\ud800.jpg, annotation 1: bbox"
