"""Recipes as files: YAML with line-precise errors, overrides, differences and the JSON Schema."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from recycle.errors import RecipeError
from recycle.recipe import RECIPES_FOLDER, Recipe

KeyPath = tuple[str | int, ...]

RESUMABLE = re.compile(r"^(retries|models\.\d+\.resources\..*|fusion\.trials)$")
"""What may change when a run is resumed: it does not decide what a member learns."""


@dataclass(frozen=True)
class Override:
    """One `--set a.b=value`.

    Attributes:
        path: Where in the recipe, list positions as integers.
        value: The value, parsed as YAML.
        text: The argument as it was typed.
    """

    path: KeyPath
    value: Any
    text: str


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Reads a recipe and validates it.

    Args:
        name_or_path: A shipped recipe's name (`demo`) or the path of a YAML file.
        overrides: Arguments of the form `models.0.epochs=2`, applied in order.

    Returns:
        The validated recipe.

    Raises:
        RecipeError: With the file, line, column, key, rule and value of everything that is wrong.
    """
    path = find_recipe(name_or_path)
    root = _compose(path)
    content = _construct(root, path)
    if not isinstance(content, dict):
        raise RecipeError(f"{path}:1: a recipe must be a mapping, but this is a {type(content).__name__}")
    parsed = [parse_override(text) for text in overrides]
    for override in parsed:
        _apply(content, override)
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        lines = [_describe(details, root, path, parsed) for details in error.errors()]
        raise RecipeError("\n".join(lines)) from None


def find_recipe(name_or_path: str) -> Path:
    """Finds a recipe by the name of a shipped one or by its path."""
    shipped = RECIPES_FOLDER / f"{name_or_path}.yaml"
    if shipped.is_file() and "/" not in name_or_path:
        return shipped
    path = Path(name_or_path)
    if path.is_file():
        return path
    names = ", ".join(sorted(recipe.stem for recipe in RECIPES_FOLDER.glob("*.yaml")))
    raise RecipeError(f"{name_or_path}: there is no such recipe file, and the shipped recipes are: {names}")


def parse_override(text: str) -> Override:
    """Parses `a.0.b=value`; the value is YAML."""
    key, equals, value = text.partition("=")
    if not equals or not key or "" in key.split("."):
        raise RecipeError(f"--set must have the form key.key=value, but got {text!r}")
    path = tuple(int(part) if part.isdigit() else part for part in key.split("."))
    try:
        return Override(path, yaml.safe_load(value), text)
    except yaml.YAMLError:
        raise RecipeError(f"--set {text}: {value!r} is not a YAML value") from None


def write_recipe(recipe: Recipe, path: Path) -> None:
    """Writes the resolved recipe, every default spelled out."""
    path.write_text(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True))


def differences(old: Recipe, new: Recipe) -> list[str]:
    """Names what differs between two recipes and decides results, one line a key."""
    before, after = dict(_leaves(old.model_dump(mode="json"))), dict(_leaves(new.model_dump(mode="json")))
    changed = [key for key in before | after if before.get(key) != after.get(key)]
    return [
        f"{key}: {before.get(key, '(absent)')} -> {after.get(key, '(absent)')}"
        for key in sorted(changed)
        if not RESUMABLE.match(key)
    ]


def json_schema() -> str:
    """The JSON Schema of recipes, by which editors complete and check them."""
    return json.dumps(Recipe.model_json_schema(), indent=2) + "\n"


def _compose(path: Path) -> yaml.Node:
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise RecipeError(f"{place}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not valid YAML: {error}") from None
    if root is None:
        raise RecipeError(f"{path}:1: the recipe is empty")
    return root


def _construct(root: yaml.Node, path: Path) -> Any:  # noqa: ANN401 - YAML holds anything
    """Builds the values of a YAML tree after refusing keys that stand twice, which YAML would let pass."""
    for mapping in _mappings(root):
        seen: set[str] = set()
        for key, _ in mapping.value:
            if key.value in seen:
                raise RecipeError(f"{_place(key, path)}: the key {key.value!r} stands here a second time")
            seen.add(key.value)
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        raise RecipeError(f"{_place(root, path)}: not valid YAML: {error.problem}") from None
    finally:
        loader.dispose()


def _mappings(node: yaml.Node) -> Iterator[yaml.MappingNode]:
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from _mappings(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _mappings(item)


def _apply(content: Any, override: Override) -> None:  # noqa: ANN401 - recursion over YAML values
    *parents, last = override.path
    for part in parents:
        content = _step_into(content, part, override)
    is_item = isinstance(content, list) and isinstance(last, int) and last < len(content)
    if is_item or isinstance(content, dict):
        content[last] = override.value
    else:
        raise RecipeError(f"--set {override.text}: there is no {last!r} in {type(content).__name__} {content!r:.80}")


def _step_into(content: Any, part: str | int, override: Override) -> Any:  # noqa: ANN401
    if isinstance(content, list) and isinstance(part, int) and part < len(content):
        return content[part]
    if isinstance(content, dict):
        return content.setdefault(part, {})
    raise RecipeError(f"--set {override.text}: there is no {part!r} in {type(content).__name__} {content!r:.80}")


def _describe(details: ErrorDetails, root: yaml.Node, path: Path, overrides: Sequence[Override]) -> str:
    """One line for one violation: place, key, rule, value."""
    location = details["loc"]
    node, key = _locate(root, location, wants_key=details["type"] == "extra_forbidden")
    place = _place(node, path)
    for override in overrides:
        if key[: len(override.path)] == override.path or override.path[: len(key)] == key:
            place = f"--set {override.text}"
    message = details["msg"].removeprefix("Value error, ")
    value = "" if details["type"] in ("missing", "value_error") else f", but got {details['input']!r:.120}"
    if details["type"] == "extra_forbidden":
        message, value = "there is no such key", ""
    return f"{place}: {'.'.join(map(str, key)) or 'recipe'}: {message}{value}"


def _locate(root: yaml.Node, location: Sequence[str | int], *, wants_key: bool) -> tuple[yaml.Node, KeyPath]:
    """Follows Pydantic's location through the YAML tree, passing over the tags of unions.

    Returns:
        The deepest node that the file holds on the way, and the path of keys with the tags left out.
    """
    node = root
    path: list[str | int] = []
    for position, part in enumerate(location):
        is_last = position == len(location) - 1
        child = _child(node, part, wants_key=wants_key and is_last)
        if child is not None:
            node = child
            path.append(part)
        elif is_last and not _is_tag(node, part):
            path.append(part)
    return node, tuple(path)


def _is_tag(node: yaml.Node, part: str | int) -> bool:
    if not isinstance(node, yaml.MappingNode):
        return False
    return any(key.value in ("family", "type") and value.value == part for key, value in node.value)


def _child(node: yaml.Node, part: str | int, *, wants_key: bool) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key if wants_key else value  # type: ignore[no-any-return]
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item: yaml.Node = node.value[part]
        return item
    return None


def _place(node: yaml.Node, path: Path) -> str:
    return f"{path}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def _leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - YAML holds anything
    items: Mapping[Any, Any] | None = None
    if isinstance(value, dict):
        items = value
    elif isinstance(value, list) and value:
        items = dict(enumerate(value))
    if items is None:
        yield prefix, value
        return
    for key, item in items.items():
        yield from _leaves(item, f"{prefix}.{key}" if prefix else str(key))
