import json
from pathlib import Path

import pytest

from recycle.data.coco import Category, Image
from recycle.data.new_images import MOST_NAMED, read_new_images
from recycle.errors import DataError
from tests.data.small_dataset import HEIGHT, WIDTH, noise, write_dataset
from tests.data.test_images import save_turned

CLASSES = (Category(3, "Paper"),)


def test_a_folder_is_walked(tmp_path: Path) -> None:
    for name in ("b.jpg", "a/c.PNG", "a/d.webp", ".hidden.jpg", ".cache/e.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        noise(1).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    images = read_new_images(tmp_path, CLASSES)
    assert images.images == tuple(
        Image(number, name, WIDTH, HEIGHT) for number, name in enumerate(["a/c.PNG", "a/d.webp", "b.jpg"], start=1)
    )
    assert images.categories == CLASSES
    assert images.annotations == ()
    assert all(images.path_of(image).is_file() for image in images.images)


def test_rotated_photographs_have_their_displayed_size(tmp_path: Path) -> None:
    save_turned(tmp_path / "a.jpg", 6)
    (image,) = read_new_images(tmp_path, CLASSES).images
    assert (image.width, image.height) == (HEIGHT, WIDTH)


def test_a_coco_file_gives_ids_and_names(tmp_path: Path) -> None:
    images = read_new_images(write_dataset(tmp_path, lambda content: content["images"].reverse()), CLASSES)
    assert [(image.id, image.file_name) for image in images.images] == [(i, f"images/{i}.jpg") for i in (3, 2, 1)]
    assert images.categories == CLASSES
    assert images.annotations == ()


def test_every_broken_image_is_named(tmp_path: Path) -> None:
    noise(1).save(tmp_path / "good.jpg")
    (tmp_path / "bad.png").write_bytes(b"no image")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "good.jpg").read_bytes()[:-100])
    with pytest.raises(DataError) as error:
        read_new_images(tmp_path, CLASSES)
    message = str(error.value)
    assert f"{tmp_path / 'bad.png'}: image_unreadable: not an image of a known format" in message
    assert f"{tmp_path / 'cut.jpg'}: image_truncated" in message
    assert "good.jpg" not in message


def test_of_many_broken_images_some_are_named(tmp_path: Path) -> None:
    for number in range(MOST_NAMED + 5):
        (tmp_path / f"{number:02}.jpg").touch()
    with pytest.raises(DataError, match=r"19\.jpg: (.|\n)*and 5 more$"):
        read_new_images(tmp_path, CLASSES)


def test_an_image_of_another_size_than_listed_is_named(tmp_path: Path) -> None:
    path = write_dataset(tmp_path, lambda content: content["images"][1].update(width=10))
    with pytest.raises(DataError, match=f"images/2.jpg: recorded as 10x{HEIGHT}, but is {WIDTH}x{HEIGHT}"):
        read_new_images(path, CLASSES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file"),
        ("[]", "a COCO file must be a JSON object"),
        ("{", "not JSON"),
        ('{"images": [], "annotations": [], "categories": []}', "list.json: there is no image in this list"),
    ],
)
def test_what_lists_no_images_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "list.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_new_images(path, CLASSES)


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    path = write_dataset(tmp_path)
    (tmp_path / "images" / "2.jpg").unlink()
    with pytest.raises(DataError, match=r"images/2\.jpg: image_missing: there is no such file"):
        read_new_images(path, CLASSES)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({}))
    with pytest.raises(DataError, match="there is no image in this folder"):
        read_new_images(tmp_path, CLASSES)
