"""Recipes as files: YAML with line-precise errors, overrides, differences and the JSON Schema."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from recycle.errors import RecipeError
from recycle.files import replacing
from recycle.recipe import RECIPES_FOLDER, Recipe
from recycle.recipe_violations import KeyPath, Violation, violations

RESUMABLE = re.compile(
    r"^(retries|checkpoints|data\.(image_cache|copy)_gib|models\.\d+\.(resources\..*|folds(\.\d+)?)"
    r"|(fusion|voting)\..*|voting|search\..*|rounds|pseudo_labels\..*)$"
)
"""What may change when a run is resumed: it does not decide what a member learns, or only in rounds still to come."""


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
    own = {violation.line for violation in violations(content)} if overrides else set[str]()
    parsed = [parse_override(text) for text in overrides]
    for override in parsed:
        _apply(content, override)
    broken = list(violations(content))
    if broken:
        lines = [f"{_origin(v, root, path, parsed, is_own=v.line in own)}: {v.line}" for v in broken]
        raise RecipeError("\n".join(lines))
    return Recipe.model_validate(content)


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
    path = tuple(int(part) if part.isdecimal() else part for part in key.split("."))
    try:
        return Override(path, yaml.safe_load(value), text)
    except (yaml.YAMLError, ValueError, RecursionError):  # such as [, 2020-13-45 and [[[[...
        raise RecipeError(f"--set {text}: {value!r} is not a YAML value") from None


def write_recipe(recipe: Recipe, path: Path) -> None:
    """Writes the resolved recipe in one step, every default spelled out."""
    with replacing(path) as temporary:
        content = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        temporary.write_text(content, encoding="utf-8")


def differences(old: Recipe, new: Recipe) -> list[str]:
    """Names what differs between two recipes and decides results, one line a key."""
    before, after = dict(leaves(old.model_dump(mode="json"))), dict(leaves(new.model_dump(mode="json")))
    changed = [key for key in before | after if before.get(key) != after.get(key)]
    return [
        f"{key}: {before.get(key, '(absent)')} -> {after.get(key, '(absent)')}"
        for key in sorted(changed)
        if not RESUMABLE.match(key)
    ]


def leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - YAML holds anything
    """Yields every value that holds no others, with its keys and list positions joined by dots."""
    items: Mapping[Any, Any] | None = None
    if isinstance(value, dict):
        items = value
    elif isinstance(value, list) and value:
        items = dict(enumerate(value))
    if items is None:
        yield prefix, value
        return
    for key, item in items.items():
        yield from leaves(item, f"{prefix}.{key}" if prefix else str(key))


def json_schema() -> str:
    """The JSON Schema of recipes, by which editors complete and check them."""
    return json.dumps(Recipe.model_json_schema(), indent=2) + "\n"


def _compose(path: Path) -> yaml.Node:
    raw = path.read_bytes()
    try:
        root = yaml.compose(raw.decode(), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise RecipeError(f"{_place(error.problem_mark, path)}: not valid YAML: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        place = _place_after(raw.decode()[: error.position], path)
        raise RecipeError(f"{place}: not valid YAML: the character {chr(error.character)!r} is not allowed") from None
    except UnicodeDecodeError as error:
        place = _place_after(raw[: error.start].decode(), path)
        raise RecipeError(f"{place}: a recipe must be UTF-8 text, but byte {raw[error.start]:#x} is not") from None
    except RecursionError:
        raise RecipeError(f"{path}: nested too deeply") from None
    if root is None:
        raise RecipeError(f"{path}:1: the recipe is empty")
    return root


class _Loader(yaml.SafeLoader):
    """Tells the place of a value that looks like one of a type and is none, such as the date 2020-13-45."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401 - YAML holds anything
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise ConstructorError(None, None, str(error), node.start_mark) from None


def _construct(root: yaml.Node, path: Path) -> Any:  # noqa: ANN401
    """Builds the values of a YAML tree after refusing keys that stand twice, which PyYAML would let pass."""
    loader = _Loader("")
    try:
        for mapping in _mappings(root):
            _refuse_repeated_keys(mapping)
        return _unshared(loader.construct_document(root))
    except yaml.MarkedYAMLError as error:
        raise RecipeError(f"{_place(error.problem_mark, path)}: not valid YAML: {error.problem}") from None
    except RecursionError:
        raise RecipeError(f"{path}: nested too deeply, or an alias within its own anchor") from None
    finally:
        loader.dispose()


def _refuse_repeated_keys(mapping: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in mapping.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ConstructorError(None, None, "a key must be a word", key.start_mark)
        if key.value in seen:
            raise ConstructorError(None, None, f"the key {key.value!r} stands here a second time", key.start_mark)
        seen.add(key.value)


def _unshared(value: Any) -> Any:  # noqa: ANN401 - YAML holds anything
    """A copy without YAML's aliases: what is set in one model must not change another's."""
    if isinstance(value, dict):
        return {key: _unshared(item) for key, item in value.items()}
    return [_unshared(item) for item in value] if isinstance(value, list) else value


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


def _origin(violation: Violation, root: yaml.Node, path: Path, overrides: Sequence[Override], *, is_own: bool) -> str:
    """Where a violation comes from: the last override that bears on it, or else the place in the file."""
    for override in reversed(overrides):
        depth = len(override.path)
        sets_it = violation.path[:depth] == override.path
        lies_below = override.path[: len(violation.path)] == violation.path
        if sets_it or (lies_below and not is_own):
            return f"--set {override.text}"
    return _place(_deepest_node(root, violation).start_mark, path)


def _deepest_node(root: yaml.Node, violation: Violation) -> yaml.Node:
    """The deepest node on the way to a violation that the file holds; the key's own where that is what is wrong."""
    node = root
    for depth, part in enumerate(violation.path, start=1):
        wants_key = violation.is_about_key and depth == len(violation.path)
        child = _child(node, part, wants_key=wants_key)
        if child is None:
            break
        node = child
    return node


def _child(node: yaml.Node, part: str | int, *, wants_key: bool) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key if wants_key else value  # type: ignore[no-any-return]
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item: yaml.Node = node.value[part]
        return item
    return None


def _place(mark: yaml.Mark | None, path: Path) -> str:
    return f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)


def _place_after(text: str, path: Path) -> str:
    return f"{path}:{text.count(chr(10)) + 1}:{len(text) - text.rfind(chr(10))}"
