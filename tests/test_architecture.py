"""Imports point one way, Ray stays in its place, and files stay small where that was promised."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = (
    ("jobs",),
    ("recycle.orchestration",),
    ("search_spaces",),
    ("recycle.report",),
    ("recycle.training",),
    ("recycle.inference",),
    ("recycle.fusion",),
    ("recycle.evaluation",),
    ("recycle.models",),
    ("recycle.data",),
    ("recycle.predictions",),
    (
        "recycle.recipe",
        "recycle.recipe_violations",
        "recycle.recipe_yaml",
        "recycle.recipes",
        "recycle.paths",
        "recycle.files",
        "recycle.locks",
        "recycle.storage",
        "recycle.errors",
        "recycle.environment",
        "recycle.compilation",
    ),
)
"""From the top down; a module imports from its own layer or a lower one."""

WITH_RAY = ("jobs", "recycle.orchestration")
VAGUE_NAMES = ("utils", "util", "helpers", "helper", "common", "misc", "manager", "handler")
MOST_LINES_OF_A_JOB = 79


def layer_of(module: str) -> int | None:
    for level, packages in enumerate(LAYERS):
        if any(module == package or module.startswith(f"{package}.") for package in packages):
            return level
    return None


def imported_modules(path: Path, module: str) -> Iterator[str]:
    """Full names of all that a file imports, at its top or inside functions, `from a import b` as `a.b`."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def modules(root: Path) -> Iterator[tuple[Path, str]]:
    for folder in ("jobs", "recycle", "search_spaces"):
        for path in sorted((root / folder).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            yield path, ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def violations(root: Path) -> list[str]:
    found = []
    for path, module in modules(root):
        own = layer_of(module)
        if own is None and module != "recycle":
            found.append(f"{module} belongs to no layer")
            continue
        for imported in imported_modules(path, module):
            other = layer_of(imported)
            if other is not None and (own is None or other < own):
                found.append(f"{module} imports {imported}")
            if imported.split(".")[0] == "ray" and not module.startswith(WITH_RAY):
                found.append(f"{module} imports ray")
    return found


def test_imports_point_one_way_and_ray_stays_in_its_place() -> None:
    assert violations(ROOT) == []


@pytest.mark.parametrize(
    ("file", "source", "told"),
    [
        ("recycle/data/coco.py", "from recycle.models.yolo import YOLO", ["recycle.models.yolo.YOLO"]),
        ("recycle/data/coco.py", "import recycle.models", ["recycle.models"]),
        ("recycle/data/coco.py", "from recycle import models", ["recycle.models"]),
        ("recycle/data/coco.py", "from ..models import yolo", ["recycle.models.yolo"]),
        ("recycle/data/coco.py", "from .. import models", ["recycle.models"]),
        ("recycle/data/__init__.py", "from ..models import yolo", ["recycle.models.yolo"]),
        ("recycle/data/coco.py", "def f():\n    from recycle.training import hooks", ["recycle.training.hooks"]),
        ("recycle/paths.py", "import recycle.predictions.values", ["recycle.predictions.values"]),
        ("recycle/report/results.py", "import ray", ["ray"]),
        ("recycle/training/train.py", "from ray.train import report", ["ray"]),
        ("recycle/report/page.py", "from recycle.orchestration import run", ["recycle.orchestration.run"]),
        ("recycle/orchestration/run.py", "import jobs.train_all", ["jobs.train_all"]),
        ("recycle/__init__.py", "from recycle.recipe import Recipe", ["recycle.recipe.Recipe"]),
        ("search_spaces/fusion.py", "import ray\nimport recycle.orchestration", ["ray", "recycle.orchestration"]),
        ("recycle/data/coco.py", "from recycle.data import images\nimport recycle.errors, rayon", []),
        ("recycle/data/coco.py", "from . import images\nfrom .images import read_image", []),
        ("recycle/orchestration/run.py", "import ray\nfrom recycle.report import results", []),
        ("jobs/train_all.py", "import ray\nfrom recycle.orchestration import run", []),
    ],
)
def test_the_walk_finds_what_points_the_other_way(tmp_path: Path, file: str, source: str, told: list[str]) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(source)
    module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    assert violations(tmp_path) == [f"{module} imports {name}" for name in told]


def test_a_module_outside_the_layers_is_found(tmp_path: Path) -> None:
    (tmp_path / "recycle" / "extras").mkdir(parents=True)
    (tmp_path / "recycle" / "extras" / "new.py").touch()
    assert violations(tmp_path) == ["recycle.extras.new belongs to no layer"]


def test_the_walk_sees_this_package() -> None:
    names = {module for _, module in modules(ROOT)}
    assert {"jobs.train_all", "recycle.orchestration.run", "recycle.data.coco", "recycle.recipe"} <= names


def test_no_file_has_a_vague_name() -> None:
    assert [str(path) for path, _ in modules(ROOT) if set(path.stem.split("_")) & set(VAGUE_NAMES)] == []


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path, _ in modules(ROOT)}
    assert {path.name: lines for path, lines in lengths.items() if lines >= 300} == {}
    jobs = {path.name: lines for path, lines in lengths.items() if path.parent.name == "jobs"}
    assert {name: lines for name, lines in jobs.items() if lines > MOST_LINES_OF_A_JOB} == {}
