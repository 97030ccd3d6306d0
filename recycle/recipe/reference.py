"""The reference of recipes, written from the models themselves: what `docs/recipes.md` holds."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from recycle.recipe import Recipe

Schema = Mapping[str, Any]

HEAD = """\
# Recipes

A recipe is one YAML file that says everything about a run. What it leaves out has the default below; a key that does
not exist is refused, with file, line and column. Shipped recipes lie in
[`recycle/recipes`](../recycle/recipes); any value can be changed for one run with `--set`, as in
`--set models.0.epochs=20 seed=1`. [`recipe.schema.json`](../recycle/recipes/recipe.schema.json) lets an editor complete
and check.

This page is written by `make reference` from the models in [`recycle/recipe`](../recycle/recipe): change those,
not this.
"""

_LIMITS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "minItems": "at least {} of them",
}


def reference() -> str:
    """The page as Markdown: a table of keys for each part of a recipe, the whole first, then in order of mention."""
    schema = Recipe.model_json_schema()
    parts = schema["$defs"]
    whole = {"Recipe": schema, **{name: parts[name] for name in _in_order(schema, parts)}}
    sections = [_section(name, one, parts) for name, one in whole.items()]
    return "\n".join([HEAD, *sections])


def _in_order(schema: Schema, parts: Mapping[str, Schema]) -> list[str]:
    """Names of the parts as they are mentioned, each once."""
    names: list[str] = []

    def visit(one: Schema) -> None:
        for name in _mentioned(one.get("properties", {})):
            if name not in names:
                names.append(name)
                visit(parts[name])

    visit(schema)
    return names


def _mentioned(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield _name(value["$ref"])
        for key, one in value.items():
            if key != "discriminator":
                yield from _mentioned(one)
    elif isinstance(value, list):
        for one in value:
            yield from _mentioned(one)


def _section(name: str, schema: Schema, parts: Mapping[str, Schema]) -> str:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    rows = [_row(key, one, parts) for key, one in properties.items()]
    head = ["| key | value | default | meaning |", "|---|---|---|---|"] if rows else []
    return "\n".join([f"## {name}", "", _line(schema.get("description", "")), "", *head, *rows, ""])


def _row(key: str, one: Schema, parts: Mapping[str, Schema]) -> str:
    default = f"`{json.dumps(one['default'])}`" if _has_plain_default(one) else "see there" if "default" in one else ""
    # pydantic leaves out what is also said of the part itself.
    meaning = one.get("description") or parts.get(_name(one.get("$ref", "")), {}).get("description", "")
    return f"| `{key}` | {_value(one)} | {default} | {_line(meaning)} |"


def _has_plain_default(one: Schema) -> bool:
    return "default" in one and not isinstance(one["default"], dict)


def _value(one: Schema) -> str:
    """What may stand there, in words."""
    kinds = one.get("anyOf") or one.get("oneOf")
    if kinds:
        return " or ".join(_value(kind) for kind in kinds)
    if "$ref" in one:
        name = _name(one["$ref"])
        return f"[{name}](#{name.lower()})"
    if "const" in one or "enum" in one:
        return ", ".join(f"`{value}`" for value in one.get("enum", [one.get("const")]))
    return ", ".join([_kind(one), *(text.format(one[key]) for key, text in _LIMITS.items() if key in one)])


def _kind(one: Schema) -> str:
    kind = str(one.get("type", "any value"))
    if kind == "array":
        return f"list of {_value(one['items'])}" if "items" in one else "list"
    if kind == "object":
        values = one.get("additionalProperties")
        return f"mapping to {_value(values)}" if isinstance(values, dict) else "mapping"
    plain = {
        "integer": "whole number",
        "number": "number",
        "string": "text",
        "boolean": "true or false",
        "null": "null",
    }
    return plain.get(kind, kind)


def _name(link: str) -> str:
    return link.rpartition("/")[2]


def _line(text: str) -> str:
    """Text for a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")
