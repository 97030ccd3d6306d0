"""Recipes for tests."""

from typing import Any

import yaml

from recycle.recipe import RECIPES_FOLDER, Recipe

DEMO = (RECIPES_FOLDER / "demo.yaml").read_text()


def demo_content() -> dict[str, Any]:
    """The demo recipe as its YAML file holds it, a fresh copy."""
    content: dict[str, Any] = yaml.safe_load(DEMO)
    return content


def demo_recipe(**changes: Any) -> Recipe:
    """The demo recipe with other values at the top."""
    return Recipe.model_validate({**demo_content(), **changes})
