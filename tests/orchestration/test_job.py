import os
import signal
from typing import NoReturn

import pytest
from rich.console import Console

from recycle.errors import DataError
from recycle.orchestration.job import ExitStatus, run_job


def test_success_is_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    def body(console: Console) -> ExitStatus:
        console.print("[red]a class name[/]")
        return ExitStatus.MEMBERS_FAILED

    assert run_job(body, on_interrupt="") == 1
    assert capsys.readouterr().out == "[red]a class name[/]\n"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (DataError("a.json: broken [bold]here"), "Error: a.json: broken [bold]here\n"),
        (OSError(28, "No space left on device", "/data/run"), "Error: /data/run: No space left on device\n"),
        (OSError("no details"), "Error: no details\n"),
    ],
)
def test_what_the_user_can_mend_is_one_message(
    error: Exception, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def body(console: Console) -> NoReturn:
        raise error

    assert run_job(body, on_interrupt="") == ExitStatus.INVALID_INPUT
    assert capsys.readouterr().err == message


def test_our_own_mistakes_keep_their_traceback() -> None:
    def body(console: Console) -> NoReturn:
        raise AssertionError("a bug")

    with pytest.raises(AssertionError):
        run_job(body, on_interrupt="")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_says_how_to_continue(number: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    def body(console: Console) -> ExitStatus:
        os.kill(os.getpid(), number)
        return ExitStatus.SUCCESS

    before = signal.getsignal(signal.SIGTERM)
    assert run_job(body, on_interrupt="add --resume") == ExitStatus.INTERRUPTED
    assert capsys.readouterr().err == "add --resume\n"
    assert signal.getsignal(signal.SIGTERM) is before
