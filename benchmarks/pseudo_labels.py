"""What rounds of pseudo labels are worth: on drawn images with few labels, or on a data set with labels withheld.

Run it as `python benchmarks/pseudo_labels.py --out FOLDER --seeds 0 1 2`, or with `--data DIR` on a COCO data set. Part
of the images is set aside as if it had no annotations; they serve to tell how good labels were, and decide nothing.
`--control` trains the same models for as many steps more on labelled images alone. Runs are kept in FOLDER, and a
benchmark that was interrupted goes on from there.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from recycle.data.json_files import read_object
from recycle.orchestration.run import run
from recycle.paths import RunPaths
from recycle.recipe import Recipe
from recycle.recipe_yaml import load_recipe
from recycle.report.rounds import GateReport, LabelsReport

SMALL = (
    "models.0.tta={flips: [none, horizontal], scales: [1.0, 1.25]}",
    "fusion.trials=10",
    "rounds=2",
)
DRAWN = (
    *SMALL,
    "data.synthetic.images=400",
    "data.synthetic.image_size=96",
    "data.test_fraction=0.7",
    "models.0.image_size=96",
    "models.0.epochs=30",
    "pseudo_labels.score_thr=0.5",
    "pseudo_labels.ignore_thr=0.2",
)
PHOTOGRAPHS = (
    *SMALL,  # of the model whose backbone is pretrained: a few hundred photographs teach the other next to nothing
    "data.test_fraction=0.3",
    "models.0.epochs=24",
    "pseudo_labels.precision=0.5",
    "pseudo_labels.ignore_thr=0.1",
    "pseudo_labels.share=0.35",
    "pseudo_labels.epochs=[6, 4]",
)
COLUMNS = ("seed", "round", "precision", "recall", "out of fold: before", "with it", "95 %", "test: before", "with it")


def recipe_for(data: str, seed: int, changes: Sequence[str]) -> Recipe:
    """One model of the demo, small and with few labels: a weak one, which has most to learn."""
    name, small = ("cascade-rcnn", PHOTOGRAPHS) if data else ("yolov5", DRAWN)
    model = next(one.model_dump(mode="json") for one in load_recipe("demo").models if one.name == name)
    models = yaml.safe_dump([model], default_flow_style=True, width=10**6)
    return load_recipe("demo", [f"models={models}", *small, f"seed={seed}", *changes])


def control_of(recipe: Recipe) -> Recipe:
    """The same models, trained on for as many steps as all rounds take, on labelled images alone."""
    labels = recipe.pseudo_labels
    epochs = round(sum(labels.epochs[: recipe.rounds]) / (1 - labels.share))
    models = []
    for model in recipe.models_in(1):
        base = next(one for one in recipe.models if one.name == model.name.partition("@")[0])
        said = {**base.model_dump(mode="json"), "phases": None}
        more = {"epochs": epochs, "optimizer": model.optimizer.model_dump(mode="json")}
        said.update(phases=[{"epochs": base.epochs}, more], epochs=base.epochs + epochs)
        models.append(said)
    return Recipe.model_validate({**recipe.model_dump(mode="json"), "rounds": 0, "models": models})


def run_once(recipe: Recipe, data: str, root: Path, console: Console) -> dict[str, Any]:
    results = RunPaths(root).results
    run(recipe, data, root, resume=root.exists(), console=console)
    return read_object(results)


def rows(seed: int, results: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for one in results["rounds"]:
        labels, gate = LabelsReport.from_json(one["labels"]), GateReport.from_json(one["gate"])
        known = [quality for fold in labels.folds.values() if (quality := fold.all_classes)]
        right, objects = sum(quality.right for quality in known), sum(quality.objects for quality in known)
        precise = right / max(1, sum(quality.labels for quality in known))
        yield (str(seed), str(one["round_index"]), f"{precise:.3f}", f"{right / objects:.3f}", *_scores(gate))


def _scores(gate: GateReport) -> tuple[str, ...]:
    if gate.ensemble is None:
        return (gate.reason, "-", "-", "-", "-")
    change, test = gate.ensemble, gate.test or (0.0, 0.0)
    interval = f"{change.low:+.3f} to {change.high:+.3f}: {'kept' if gate.is_kept else 'not kept'}"
    return (f"{change.former:.3f}", f"{change.score:.3f}", interval, *(f"{score:.3f}" for score in test))


def describe(seed: int, results: dict[str, Any], kind: str) -> str:
    models = {name: scores["oof"]["map50"] for name, scores in results["models"].items()}
    told = ", ".join(f"{name} {score:.3f}" for name, score in models.items())
    ensemble = {part: f"{scores['map50']:.3f}" for part, scores in results["ensemble"].items()}
    return f"seed {seed}, {kind}: ensemble {ensemble}, models out of fold: {told}"


def main() -> None:
    arguments = parse_arguments()
    console = Console(width=160, markup=False, highlight=False)
    table, lines = Table(title="Rounds of pseudo labels"), []
    for column in COLUMNS:
        table.add_column(column)
    for seed in arguments.seeds:
        recipe = recipe_for(arguments.data, seed, arguments.set)
        results = run_once(recipe, arguments.data, arguments.out / f"seed{seed}", console)
        for row in rows(seed, results):
            table.add_row(*row)
        lines.append(describe(seed, results, "with rounds"))
        if arguments.control:
            control = run_once(control_of(recipe), arguments.data, arguments.out / f"control{seed}", console)
            lines.append(describe(seed, control, "as many steps on labelled images alone"))
    console.print(table)
    for line in lines:
        console.print(line)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", default="", metavar="DIR", help="a COCO data set (default: drawn images)")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the runs go")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="changes of the recipe")
    parser.add_argument("--control", action="store_true", help="also train on for as long without pseudo labels")
    return parser.parse_args()


if __name__ == "__main__":
    main()
