"""What is wrong with a recipe's content, in words: key, rule and value."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from recycle.recipe import Recipe

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Violation:
    """A rule that a recipe breaks.

    Attributes:
        path: The key, list positions as integers; empty where it is the whole.
        line: Key, rule and value in words.
        is_about_key: Whether the key itself is wrong, not its value.
    """

    path: KeyPath
    line: str
    is_about_key: bool


def violations(content: Any) -> Iterator[Violation]:  # noqa: ANN401 - YAML holds anything
    """Finds everything that Pydantic refuses in what a YAML file held."""
    try:
        Recipe.model_validate(content)
    except ValidationError as error:
        for details in error.errors():
            # A list whose items were all refused is not too short: the items have lines of their own.
            if details["type"] != "too_short" or len(details["input"]) < details["ctx"]["min_length"]:
                yield _violation(details, content)


def _violation(details: ErrorDetails, content: Any) -> Violation:  # noqa: ANN401
    kind, context = details["type"], details.get("ctx", {})
    path = _without_tags(details["loc"], content)
    rule, value = (
        details["msg"].removeprefix("Value error, ").replace("tuple", "list"),
        f", but got {details['input']!r:.120}",
    )
    if kind in ("missing", "value_error"):
        value = ""
    elif kind == "extra_forbidden":
        rule, value = "there is no such key", ""
    elif kind == "union_tag_not_found":
        path, rule, value = (*path, context["discriminator"].strip("'")), "Field required", ""
    elif kind == "union_tag_invalid":
        path = (*path, context["discriminator"].strip("'"))
        rule, value = f"Input should be one of {context['expected_tags']}", f", but got {context['tag']!r:.120}"
    key = ".".join(map(str, path)) or "recipe"
    return Violation(path, f"{key}: {rule}{value}", kind in ("extra_forbidden", "invalid_key"))


def _without_tags(location: Sequence[str | int], content: Any) -> KeyPath:  # noqa: ANN401
    """Pydantic's location as a path of keys: it also names the member of a union that a mapping chose."""
    path: list[str | int] = []
    value = content
    for part in location:
        if isinstance(value, dict) and part not in value and part in (value.get("family"), value.get("type")):
            continue
        path.append(part)
        is_held = part in value if isinstance(value, dict) else isinstance(value, list) and isinstance(part, int)
        value = value[part] if is_held else None
    return tuple(path)
