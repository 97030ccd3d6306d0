"""The first part of the page: what came out, and what to do next."""

from collections.abc import Iterator, Mapping
from typing import Any

from recycle.evaluation.comparison import Rating
from recycle.fusion.ensemble import ENSEMBLE
from recycle.report.ensemble import DEFAULT_FUSION, TITLES, TUNED_FUSION, EnsembleStudy, honest_verdict, outlook
from recycle.report.exports import DataTable
from recycle.report.page import charts
from recycle.report.page.advice import next_step
from recycle.report.page.blocks import Block, Fact, Facts, Figure, Section, Table, Text
from recycle.report.page.contents import ReportContents
from recycle.report.progress import duration
from recycle.report.results import COLUMNS
from recycle.report.results import TITLES as COLUMN_TITLES


def summary(contents: ReportContents) -> Section:
    """What came out of the run."""
    return Section("summary", "Summary", _lead(contents), tuple(_blocks(contents)))


def _lead(contents: ReportContents) -> str:
    models = len(contents.recipe.models)
    task = (
        f"Object detection of {len(contents.facts.classes)} classes with {models} "
        f"{'model' if models == 1 else 'models'}, recipe “{contents.recipe.name}”, seed {contents.recipe.seed}."
    )
    if contents.study is None:
        return f"{task} The run has not finished: {len(contents.finished)} of {len(contents.members)} members are done."
    return f"{task} {honest_verdict(contents.study)} {outlook(contents.study)}"


def _blocks(contents: ReportContents) -> Iterator[Block]:
    yield Facts(tuple(_facts(contents)))
    yield Text(f"Next: {next_step(contents)}", "good" if contents.results and not contents.failed else "warning")
    if contents.study is not None:
        yield _ratings_figure(contents.study)
    yield from _score_tables(contents)


def _facts(contents: ReportContents) -> Iterator[Fact]:
    study, test = contents.study, contents.facts.parts[-1]
    if study is not None:
        title = TITLES[study.metric]
        held_out = "tuned on other folds" if study.fusion == TUNED_FUSION else "mean of folds"
        yield Fact(f"{title}, {study.fusion}", *_scored(study.pooled.ratings[study.fusion], "out of fold"))
        yield Fact(f"{title}, held out", *_scored(study.held_out.ratings[study.fusion], held_out))
        yield Fact(f"{title}, best single model", *_best_single(study))
    elif contents.main is not None:
        yield Fact("Best mAP50 so far", f"{contents.main.errors.map50:.4f}", contents.main_name)
    images = sum(part.images for part in contents.facts.parts[:-1])
    objects = sum(part.objects for part in contents.facts.parts[:-1])
    tested = "no test images" if not test.images else f"{test.images:,} test images"
    yield Fact("Training images", f"{images:,}", f"{objects:,} objects, {tested}")
    failed = f", {len(contents.failed)} failed" if contents.failed else ""
    seconds = sum(member.seconds or 0 for member in contents.finished)
    note = f"of {len(contents.members)}{failed}; {duration(seconds)} of training and prediction"
    yield Fact("Members finished", f"{len(contents.finished)}", note)


def _scored(rating: Rating, what: str) -> tuple[str, str]:
    return f"{rating.score:.4f}", f"{rating.interval.low:.4f} to {rating.interval.high:.4f} (95 %), {what}"


def _best_single(study: EnsembleStudy) -> tuple[str, str]:
    name = _best_model(study)
    value, note = _scored(study.pooled.ratings[name], "")
    return value, f"{name}, {note.removesuffix(', ')}"


def _best_model(study: EnsembleStudy) -> str:
    models = [name for name in study.pooled.ratings if name not in (DEFAULT_FUSION, TUNED_FUSION)]
    return max(models, key=lambda name: study.pooled.ratings[name].score)


def _ratings_figure(study: EnsembleStudy) -> Figure:
    names = sorted(study.pooled.ratings, key=lambda name: -study.pooled.ratings[name].score)
    best, title = _best_model(study), TITLES[study.metric]
    fused, single = study.pooled.ratings[study.fusion].score, study.pooled.ratings[best].score
    groups = {"all images": study.pooled.ratings, "held out": study.held_out.ratings}
    return Figure(
        name="scores",
        title=f"{title} out of fold, with 95 % intervals",
        saying=(
            f"On all images the {study.fusion} scores {fused:.4f} and the best single model, {best}, {single:.4f}; "
            "held out means that each fold was fused with settings found on the others."
        ),
        spec=charts.intervals(
            names,
            {group: [_point(ratings.get(name)) for name in names] for group, ratings in groups.items()},
            {"title": {"text": title}, "rangemode": "nonnegative"},
        ),
        height=charts.rows_height(len(names), 90),
    )


def _point(rating: Rating | None) -> tuple[float, float, float] | None:
    return None if rating is None else (rating.score, rating.interval.low, rating.interval.high)


def _score_tables(contents: ReportContents) -> Iterator[Table]:
    if contents.results is None:
        if contents.models:
            yield Table(_map50_so_far(contents))
        return
    for part, title in (("oof", "Scores out of fold"), ("test", "Scores on the test part")):
        rows = list(_score_rows(contents, contents.results, part))
        if rows:
            columns = ("", "kind", *COLUMN_TITLES, "95 % from", "to")
            emphasis = [place for place, row in enumerate(rows) if row[1] != "member"]
            caption = f"{title}; intervals are of {_interval_title(contents)}" if part == "oof" else title
            width = len(columns) if part == "oof" else len(columns) - 2
            cut = tuple(row[:width] for row in rows)
            yield Table(DataTable(f"scores-{part}", caption, columns[:width], cut), emphasis=emphasis)


def _interval_title(contents: ReportContents) -> str:
    return TITLES[contents.recipe.fusion.metric]


def _score_rows(
    contents: ReportContents, results: Mapping[str, Any], part: str
) -> Iterator[tuple[str | float | None, ...]]:
    ratings = {member.name: member.rating for member in contents.members}
    if contents.study is not None:
        pooled = contents.study.pooled.ratings
        ratings |= {**pooled, ENSEMBLE: pooled[contents.study.fusion]}
    groups = {"fused": {ENSEMBLE: results["ensemble"]}, "model": results["models"], "member": results["members"]}
    for kind, group in groups.items():
        for name, parts in group.items():
            if part in parts:
                rating = ratings.get(name)
                interval = (rating.interval.low, rating.interval.high) if rating else (None, None)
                yield (name, kind, *(parts[part][column] for column in COLUMNS), *interval)


def _map50_so_far(contents: ReportContents) -> DataTable:
    rows = tuple((name, one.images, one.errors.map50) for name, one in contents.diagnoses.items())
    return DataTable("scores-so-far", "Models so far, out of fold", ("", "images", "mAP50"), rows)
