import io

from rich.console import Console

from recycle.report.prediction_progress import PredictionProgress


def shown(*, is_terminal: bool) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=is_terminal, width=80, markup=False)
    with PredictionProgress(console, 12) as progress:
        progress.advance("a-fold0", 8)
        progress.advance("[b]-fold0", 12)
        progress.finished("[b]-fold0")
    return file.getvalue()


def test_a_file_gets_a_line_for_each_finished_member() -> None:
    assert shown(is_terminal=False) == "[b]-fold0: 12 images predicted after 0:00\n"


def test_a_terminal_shows_a_bar_for_each_member() -> None:
    output = shown(is_terminal=True)
    assert "a-fold0" in output
    assert "67%" in output
    assert "[b]-fold0: 12 images predicted" in output
