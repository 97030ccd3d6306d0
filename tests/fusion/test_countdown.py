import pytest

from recycle.fusion.countdown import Countdown


def test_what_is_left_shrinks_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    countdown = Countdown(10.0)
    assert (countdown.left(), countdown.left(0.5), countdown.is_over()) == (10.0, 5.0, False)
    now[0] = 108.0
    assert countdown.left(0.5) == 1.0
    now[0] = 111.0
    assert (countdown.left(), countdown.is_over()) == (0.0, True)


def test_without_hurry_it_is_never_over() -> None:
    assert Countdown(None).left(0.5) is None
    assert not Countdown(None).is_over()
