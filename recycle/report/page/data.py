"""The part of the page about the data."""

from collections.abc import Iterator, Sequence

from recycle.data.statistics import DataFacts, PartFacts
from recycle.report.exports import DataTable
from recycle.report.page import charts
from recycle.report.page.blocks import Block, Figure, Heading, Listing, Pair, Photographs, Section, Table, Text
from recycle.report.page.contents import ReportContents

MOST_GROUPS = 12


def data(contents: ReportContents) -> Section:
    """Classes, sizes, folds, what the validator found, near-duplicates, and sample images."""
    return Section("data", "Data", _lead(contents.facts), tuple(_blocks(contents)))


def _lead(facts: DataFacts) -> str:
    folds, test = facts.parts[:-1], facts.parts[-1]
    images, objects = sum(part.images for part in folds), sum(part.objects for part in folds)
    known = f", {test.objects:,} objects on them" if facts.has_answers else " without annotations"
    tested = f"{test.images:,} test images{known}" if test.images else "no test images"
    return f"{images:,} training images with {objects:,} objects in {len(folds)} folds, and {tested}."


def _blocks(contents: ReportContents) -> Iterator[Block]:
    facts = contents.facts
    yield _class_counts(facts)
    yield Pair((_sides(facts), _objects_an_image(facts)))
    yield Table(_class_table(facts))
    yield Table(_part_table(facts))
    yield from _balance(facts)
    yield Heading("What the validator found")
    yield from _findings(facts)
    yield Heading("Near-duplicates")
    yield from _near_duplicates(facts.near_duplicates)
    if contents.pictures.samples:
        yield Photographs("Training images with their objects", contents.pictures.samples)


def _class_counts(facts: DataFacts) -> Figure:
    folds = facts.parts[:-1]
    counts = {name: sum(part.classes.get(name, 0) for part in folds) for name in facts.classes}
    most, least = max(counts, key=lambda name: counts[name]), min(counts, key=lambda name: counts[name])
    return Figure(
        name="class-counts",
        title="Training objects by class and fold",
        saying=f"The most frequent class is {most} with {counts[most]:,} objects, the rarest {least} with "
        f"{counts[least]:,}.",
        spec=charts.columns(
            facts.classes,
            {part.name: [part.classes.get(name, 0) for name in facts.classes] for part in folds},
            {"title": {"text": "objects"}},
            mode="stack",
        ),
        height=360,
    )


def _sides(facts: DataFacts) -> Figure:
    small, medium, large = _sizes(facts.parts[:-1])
    return Figure(
        name="object-sizes",
        title="Size of training objects",
        saying=f"{small:,} objects are small, {medium:,} medium and {large:,} large, divided at 32² and 96² pixels.",
        spec=charts.histogram(
            facts.sides.edges, facts.sides.counts, {"title": {"text": "square root of the area, pixels"}}
        ),
        height=300,
    )


def _sizes(parts: Sequence[PartFacts]) -> tuple[int, int, int]:
    sizes = [part.sizes for part in parts]
    return sum(one.small for one in sizes), sum(one.medium for one in sizes), sum(one.large for one in sizes)


def _objects_an_image(facts: DataFacts) -> Figure:
    histogram = facts.objects_an_image
    empty = sum(part.empty_images for part in facts.parts[:-1])
    counts = [str(round(edge)) for edge in histogram.edges[:-2]] + [f"{histogram.edges[-2]:.0f}+"]
    return Figure(
        name="objects-an-image",
        title="Objects on an image",
        saying=f"{empty:,} training images show no object.",
        spec=charts.columns(counts, {"images": histogram.counts}, {"title": {"text": "training images"}}),
        height=300,
    )


def _class_table(facts: DataFacts) -> DataTable:
    folds, test = facts.parts[:-1], facts.parts[-1]
    rows = tuple(
        (
            name,
            sum(part.classes.get(name, 0) for part in folds),
            facts.sizes[name].small,
            facts.sizes[name].medium,
            facts.sizes[name].large,
            test.classes.get(name, 0) if facts.has_answers else None,
            facts.imbalance.get(name),
        )
        for name in facts.classes
    )
    columns = ("class", "training objects", "small", "medium", "large", "test objects", "fold imbalance")
    caption = "Classes; a fold imbalance of 0.10 says that one fold has a tenth more than its share"
    return DataTable("classes", caption, columns, rows)


def _part_table(facts: DataFacts) -> DataTable:
    rows = tuple(
        (part.name, part.images, part.empty_images, part.objects, part.sizes.small, part.sizes.medium, part.sizes.large)
        for part in facts.parts
    )
    columns = ("part", "images", "without objects", "objects", "small", "medium", "large")
    return DataTable("parts", "Folds and test part", columns, rows)


def _balance(facts: DataFacts) -> Iterator[Block]:
    for name, groups in facts.rare_classes.items():
        yield Text(f"{name} is too rare to be in every fold: {groups} groups of images show it.", "warning")


def _findings(facts: DataFacts) -> Iterator[Block]:
    if not facts.findings:
        yield Text("Nothing: no rule is broken.", "good")
        return
    columns = ("rule", "severity", "how often", "mended by", "for example")
    rows = tuple(
        (one.text, one.severity, one.count, one.repair or "", "; ".join(one.examples)) for one in facts.findings
    )
    yield Table(DataTable("findings", "Rules that the data break", columns, rows))


def _near_duplicates(groups: Sequence[Sequence[str]]) -> Iterator[Block]:
    if not groups:
        yield Text("No two training images show nearly the same.")
        return
    images = sum(map(len, groups))
    yield Text(
        f"{images:,} training images are in {len(groups):,} groups that show nearly the same; no group is divided."
    )
    yield Listing([", ".join(group) for group in groups[:MOST_GROUPS]])
    if len(groups) > MOST_GROUPS:
        yield Text(f"{len(groups) - MOST_GROUPS:,} more groups are not listed.")
