from typing import Any

from recycle.compilation import compiled


def test_what_cannot_be_kept_on_the_disk_is_compiled_all_the_same() -> None:
    names: dict[str, Any] = {}
    exec("def double(number):\n    return 2 * number", names)
    double = compiled()(names["double"])
    assert double(21) == 42
    assert double.signatures
