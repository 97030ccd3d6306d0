from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from recycle.report.fusion_pictures import (
    draw_contributions,
    draw_heat_map,
    draw_intervals,
    draw_responses,
    draw_selection,
)

Picture = npt.NDArray[np.uint8]
Draw = Callable[[int, Path], None]
BLUE, ORANGE = (0, 114, 178), (213, 94, 0)


def names_of(count: int) -> list[str]:
    """Long names, and names that would be formulas or broken ones."""
    kinds = ("cascade_rcnn_resnext101_64x4d_soft_cross_entropy_fold", "swin $t_", r"$\frac{ ", "a")
    return [f"{kinds[number % 4]}{number}" for number in range(count)]


def heat_map(count: int, path: Path) -> None:
    matrix = np.random.default_rng(0).uniform(-1, 1, (count, count))
    draw_heat_map(names_of(count), matrix, "Agreement in $", path)


def contributions(count: int, path: Path) -> None:
    gains = np.linspace(-0.01, 0.02, count).tolist()
    draw_contributions(names_of(count), gains, "Gains in $", path)


def intervals(count: int, path: Path) -> None:
    values = np.linspace(0.4, 0.6, count).tolist()
    draw_intervals(names_of(count), values, [(value - 0.02, value + 0.01) for value in values], path)


def selection(count: int, path: Path) -> None:
    draw_selection(names_of(count), np.linspace(0.4, 0.6, count).tolist(), (count + 1) // 2, path)


def responses(count: int, path: Path) -> None:
    curves = {"skip_box_thr": ([1e-4, 1e-2, 0.2], [0.5, 0.52, 0.4])}
    curves |= {name: ([0.0, 1.0, 2.0], [0.5, 0.6, 0.7]) for name in names_of(count - 1)}
    draw_responses(curves, dict.fromkeys(curves, 1.0), path)


def read(path: Path) -> Picture:
    return np.asarray(Image.open(path).convert("RGB"), np.uint8)


def pixels_of(picture: Picture, colour: tuple[int, int, int]) -> int:
    return int((picture == colour).all(axis=2).sum())


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("draw", [heat_map, contributions, intervals, selection, responses])
def test_nothing_is_cut_off_whatever_the_names(tmp_path: Path, draw: Draw, count: int) -> None:
    draw(count, tmp_path / "new" / "picture.png")
    picture = read(tmp_path / "new" / "picture.png")
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert (border == 255).all()
    assert (picture < 100).any()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["picture.png"]


@pytest.mark.parametrize("draw", [heat_map, contributions, intervals, selection, responses])
def test_pictures_grow_with_their_rows_and_equal_values_give_equal_pictures(tmp_path: Path, draw: Draw) -> None:
    for name, count in (("few", 3), ("again", 3), ("many", 10)):
        draw(count, tmp_path / name)
    assert (tmp_path / "few").read_bytes() == (tmp_path / "again").read_bytes()
    assert read(tmp_path / "many").shape[0] > 1.2 * read(tmp_path / "few").shape[0]


def test_the_largest_contribution_stands_at_the_top_and_losses_have_another_colour(tmp_path: Path) -> None:
    draw_contributions(["loses", "adds"], [-0.1, 0.2], "", tmp_path / "picture.png")
    picture = read(tmp_path / "picture.png")
    rows = [np.flatnonzero((picture == colour).all(axis=2).any(axis=1)) for colour in (BLUE, ORANGE)]
    assert rows[0].max() < rows[1].min()
    assert pixels_of(picture, BLUE) == pytest.approx(2 * pixels_of(picture, ORANGE), rel=0.1)


def test_only_kept_models_are_filled(tmp_path: Path) -> None:
    for kept in (1, 4):
        draw_selection(list("abcd"), [0.4, 0.5, 0.6, 0.5], kept, tmp_path / f"{kept}.png")
    one, four = read(tmp_path / "1.png"), read(tmp_path / "4.png")
    assert pixels_of(four, BLUE) > 1.5 * pixels_of(one, BLUE)
    has_line = [bool(((picture[..., 0] > 180) & (picture[..., 2] < 150)).any()) for picture in (one, four)]
    assert has_line == [True, False]


def test_many_models_leave_no_room_for_numbers(tmp_path: Path) -> None:
    """Every cell without a number has one colour, so the picture is made of long runs."""
    same = np.full((40, 40), 0.5)
    draw_heat_map([str(number) for number in range(40)], same, "", tmp_path / "many.png")
    picture = read(tmp_path / "many.png")
    middle = picture[picture.shape[0] // 2 - 60 : picture.shape[0] // 2 + 60, picture.shape[1] // 2]
    assert len(np.unique(middle, axis=0)) <= 4


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda path: draw_heat_map(["a"], np.eye(2), "", path), r"1 rows and columns, but got shape \(2, 2\)"),
        (lambda path: draw_contributions(["a"], [1, 2], "", path), "zip"),
        (lambda path: draw_intervals(["a"], [1], [], path), "names=1, values=1, intervals=0"),
        (lambda path: draw_selection(["a", "b"], [1], 1, path), "scores as names, but got 1 and 2"),
        (lambda path: draw_responses({"iou_thr": ([1, 2], [1])}, {"iou_thr": 1}, path), "iou_thr .* got 1 and 2"),
    ],
)
def test_columns_of_unequal_length_are_refused(tmp_path: Path, draw: Callable[[Path], None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw(tmp_path / "picture.png")
    assert not list(tmp_path.iterdir())
