import os
import signal

from recycle.orchestration.actors import _terminated


def test_a_process_that_is_told_to_end_learns_of_it_and_goes_on() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with _terminated() as terminated:
        assert not terminated.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        assert terminated.wait(10)
    assert signal.getsignal(signal.SIGTERM) == before
