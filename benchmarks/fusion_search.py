"""What Ray Tune adds to a search over fusion settings, and the objective on several processes against one.

Run it as `python benchmarks/fusion_search.py`. It starts Ray on the cores of this machine. Scoring is timed inside the
processes that score; what is left of their time is Tune's: its start, suggestions, messages and waiting.
"""

import argparse
import pickle
import tempfile
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import numba
import numpy as np
from drawn_boxes import draw_predictions, draw_truth, folds_for, seconds, settings_for, use_cores
from rich.console import Console
from rich.table import Table

from recycle.evaluation.matching import match
from recycle.evaluation.merged_precision import rank
from recycle.fusion.objective import FusionObjective
from recycle.fusion.settings import DEFAULTS, HAND_TUNED, EnsembleSettings, parameters_of
from recycle.orchestration.cluster import cluster_resources, connected
from recycle.orchestration.ensemble import SettingsScore
from recycle.orchestration.search import SIDE_BY_SIDE, Parameters, Search, search
from recycle.orchestration.sharded_objective import ShardedObjective
from search_spaces.fusion import space

RUNS = 5
MIB = 2**20


class TimedScore:
    """Scores settings, and writes down how long each took."""

    def __init__(self, score: SettingsScore, folder: Path) -> None:
        self._score, self._folder = score, folder

    def __call__(self, parameters: Parameters) -> float:
        start = time.perf_counter()
        score = self._score(parameters)
        with tempfile.NamedTemporaryFile("w", dir=self._folder, delete=False) as file:
            file.write(str(time.perf_counter() - start))
        return score


def time_search(table: Table, objective: FusionObjective, trials: int) -> None:
    models, cores = objective.models, int(cluster_resources()["CPU"])
    with tempfile.TemporaryDirectory() as folder:
        times = Path(folder, "times")
        times.mkdir()
        start = [parameters_of(settings, models) for settings in (DEFAULTS, HAND_TUNED)]
        what = Search("timed", TimedScore(SettingsScore(objective), times), partial(space, models=models), start, 0)
        objective.calibrate()  # as a run does, before its search
        begin = time.perf_counter()
        search(what, Path(folder, "journal"), trials=trials, time_budget_s=None, tell=print)
        whole = time.perf_counter() - begin
        scoring = [float(path.read_text()) for path in times.iterdir()]
    workers = min(SIDE_BY_SIDE, cores)
    added = 1 - sum(scoring) / workers / whole
    numbers = (f"{whole:.1f}", f"{sum(scoring):.1f}", f"{np.median(scoring):.3f}", f"{100 * added:.0f} %")
    table.add_row(str(trials), str(workers), *numbers)


def compare_sharded(table: Table, objective: FusionObjective) -> None:
    settings = EnsembleSettings(settings_for(len(objective.models)))
    value, cores = objective(settings), int(cluster_resources()["CPU"])
    for threads in sorted({1, min(cores, numba.config.NUMBA_NUM_THREADS)}):
        use_cores(threads)
        needed = seconds(lambda: objective(settings), RUNS)
        table.add_row(f"one process, {threads} threads", f"{value:.12f}", "", f"{needed:.3f}")
    for shards in range(1, cores + 1):
        begin = time.perf_counter()
        with closing(
            ShardedObjective(objective.predictions, objective.truth, objective.folds, objective.metric, shards=shards)
        ) as sharded:
            score, start = sharded(settings), time.perf_counter() - begin
            assert abs(score - value) < 1e-9
            needed = seconds(partial(sharded, settings), RUNS)
        table.add_row(f"{shards} actors, up in {start:.1f} s", f"{score:.12f}", f"{score - value:.0e}", f"{needed:.3f}")


def tell_message(objective: FusionObjective, console: Console) -> None:
    fused = objective.fused(EnsembleSettings(settings_for(len(objective.models))))
    matches = match(fused, objective.truth)
    size = len(pickle.dumps(rank(matches)))
    console.print(
        f"{len(objective.predictions):,} boxes become {len(fused):,}, of which {len(matches):,} count; "
        f"what mAP needs of them has {size / MIB:.1f} MiB, {size / len(matches):.1f} bytes for each"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200, help="of the search")
    parser.add_argument("--images", type=int, default=1000, help="of 26 models with 65 boxes each")
    arguments = parser.parse_args()
    console, truth = Console(), draw_truth(arguments.images)
    objective = FusionObjective(draw_predictions(truth, 26, 65), truth, folds_for(truth))
    tell_message(objective, console)
    sharded = Table("where", "mAP50", "difference", "seconds a trial", title="The same images, split or not")
    searched = Table("trials", "side by side", "whole [s]", "scoring [s]", "median [s]", "Tune adds", title="A search")
    with connected():
        time_search(searched, objective, arguments.trials)
        compare_sharded(sharded, objective)
    for table in (searched, sharded):
        console.print(table)


if __name__ == "__main__":
    main()
