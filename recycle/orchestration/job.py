"""What all jobs share: how they end, and what the user is told."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from types import FrameType

from rich.console import Console

from recycle.errors import RecycleError, TrainingError


class ExitStatus(IntEnum):
    """Exit status of a job."""

    SUCCESS = 0
    MEMBERS_FAILED = 1
    INVALID_INPUT = 2
    INTERRUPTED = 130


def run_job(body: Callable[[Console], ExitStatus], on_interrupt: str) -> ExitStatus:
    """Runs the body of a job; what the user has to mend is told in one message, without a traceback.

    Args:
        body: Gets the console for its output.
        on_interrupt: Told after Ctrl-C or a polite kill.

    Returns:
        The job's exit status.
    """
    # Class names and paths may look like rich's markup or emoji codes: they are shown as they are.
    console = Console(highlight=False, markup=False, emoji=False)
    errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)
    try:
        with _interruptible():
            return body(console)
    except TrainingError as error:
        errors.print(f"Error: {error}")
        return ExitStatus.MEMBERS_FAILED
    except RecycleError as error:
        errors.print(f"Error: {error}")
    except OSError as error:  # a full disk, a folder that must not be written
        errors.print(f"Error: {error.filename}: {error.strerror}" if error.filename else f"Error: {error}")
    except KeyboardInterrupt:
        errors.print(on_interrupt)
        return ExitStatus.INTERRUPTED
    return ExitStatus.INVALID_INPUT


@contextmanager
def _interruptible() -> Iterator[None]:
    """Makes a polite kill, and the end of a terminal, end the block as Ctrl-C does: actors stop, files are closed."""

    def interrupt(signal_number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # What the user has told to be ignored, as `nohup` does, stays so.
    signals = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
