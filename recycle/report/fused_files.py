"""What is told about files of predictions that were read, fused and scored."""

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from recycle.fusion.inputs.read import InputSummary
from recycle.report.results import Scores

_MUCH = 0.1


def inputs_table(summaries: Sequence[InputSummary]) -> Table:
    """What each input holds; `empty` counts the images on which it found nothing, where the format can tell."""
    table = Table(title="Inputs", title_justify="left", header_style="bold")
    table.add_column("input", overflow="fold")
    table.add_column("format", no_wrap=True)
    for heading in ("images", "empty", "boxes", "dropped", "clipped", "labels"):
        table.add_column(heading, justify="right", no_wrap=True)
    for summary in summaries:
        counts = (summary.images, summary.without_boxes, summary.boxes, summary.dropped, summary.clipped)
        labels = "-".join(map(str, summary.labels)) if summary.labels else ""
        numbers = ["-" if count is None else f"{count:,}" for count in counts]
        table.add_row(Text(summary.source), summary.format, *numbers, labels)
    return table


def remarks(summaries: Sequence[InputSummary]) -> Iterator[str]:
    """What the user should know of the boxes that were mended."""
    if any(summary.dropped or summary.clipped for summary in summaries):
        yield "Dropped boxes have no area on their image, clipped ones overshot it; --strict refuses both."
    for summary in summaries:
        mended = (summary.dropped + summary.clipped) / max(summary.boxes, 1)
        if mended > _MUCH:
            yield f"{summary.source}: {mended:.0%} of its boxes leave their image: are they in pixels of this size?"


def file_scores_table(scores: Sequence[tuple[str, Scores]]) -> Table:
    """The two main scores of the inputs and, in the last row, of what they were fused to."""
    columns = dict(list(scores[0][1].columns.items())[:2])
    table = Table(title="Scores", title_justify="left", header_style="bold")
    table.add_column("", overflow="fold")
    for heading in (*columns.values(), "images"):
        table.add_column(heading, justify="right", no_wrap=True)
    for place, (name, one) in enumerate(scores, start=1):
        numbers = ("-" if value is None else f"{value:.4f}" for value in (getattr(one, column) for column in columns))
        table.add_row(Text(name), *numbers, f"{one.images:,}", style="bold" if place == len(scores) else None)
    return table
