"""What a check of a data set found: the rules, the findings and the report of them."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from recycle.data.records import shorten
from recycle.errors import DataError
from recycle.recipe import Repair

Severity = Literal["error", "warning"]

ERROR_LINES = 20
EXAMPLES = 3


@dataclass(frozen=True)
class Rule:
    """What a data set must or should keep to."""

    text: str
    severity: Severity = "error"
    repair: Repair | None = None


RULES: dict[str, Rule] = {
    "not_coco": Rule("the file must be a JSON object with lists of images, annotations and categories"),
    "missing_key": Rule("a record must have all keys of COCO"),
    "wrong_type": Rule("a field must be of the type that COCO says"),
    "wrong_value": Rule("a field must be in its range"),
    "box_malformed": Rule("`bbox` must be four numbers"),
    "area_malformed": Rule("`area` must be a finite number from 0"),
    "segmentation_malformed": Rule("`segmentation` must be polygons or a run-length encoding"),
    "segmentation_size": Rule("a run-length encoding must have its image's height and width"),
    "duplicate_category_id": Rule("a category id must occur once"),
    "duplicate_category_name": Rule("a category name must occur once"),
    "duplicate_image_id": Rule("an image id must occur once"),
    "duplicate_file_name": Rule("a file_name must occur once"),
    "duplicate_annotation_id": Rule("an annotation id must occur once"),
    "unknown_image": Rule("an annotation must be of an image in the file"),
    "unknown_category": Rule("an annotation must be of a category in the file"),
    "file_outside_folder": Rule("a file_name must stay inside the data folder"),
    "image_missing": Rule("the image file must exist", repair="drop_broken_images"),
    "image_unreadable": Rule("the image file must be readable", repair="drop_broken_images"),
    "image_truncated": Rule("the image file must be complete", repair="drop_broken_images"),
    "image_too_large": Rule("the image must not be a decompression bomb", repair="drop_broken_images"),
    "image_size": Rule("the image must have the recorded size", repair="use_actual_size"),
    "image_rotated": Rule("the image is turned by its EXIF orientation", "warning"),
    "box_not_finite": Rule("a box must be without NaN and infinity", repair="drop_empty_boxes"),
    "box_empty": Rule("a box must have an area", repair="drop_empty_boxes"),
    "box_outside": Rule("a box must touch its image", repair="drop_outside_boxes"),
    "box_partly_outside": Rule("a box must lie within its image", repair="clip_boxes"),
    "box_one_pixel": Rule("a box is at most one pixel wide or high", "warning"),
    "duplicate_annotation": Rule(
        "an image, category and box must occur together once", repair="drop_duplicate_annotations"
    ),
    "label_map_missing": Rule("an image must have its label map"),
    "label_map_unreadable": Rule("a label map must be a readable PNG file"),
    "label_map_format": Rule("a label map must have one channel of 8 bits, grey or by a palette: labels, not colours"),
    "label_map_size": Rule("a label map must have its image's size"),
    "label_map_value": Rule("a label must be 0, the number of a category counted from 1, or 255"),
    "mask_missing": Rule("an object must have a mask where pixels are to be labelled"),
    "too_many_classes": Rule("there may be at most 254 classes where pixels are to be labelled"),
    "image_in_both_parts": Rule("a test image is a training image too: its score says little", "warning"),
    "class_without_annotations": Rule("a class has no annotation", "warning"),
}


@dataclass(frozen=True)
class Finding:
    """One thing found: the rule, the file and record that break it, and the value met.

    A repairable finding is an error while its repair is switched off, a warning once it is on and was done.
    """

    severity: Severity
    rule: str
    file: str
    record: str
    value: str
    repair: Repair | None

    def line(self) -> str:
        """The finding in one line, without its rule."""
        return f"{ascii(self.file)[1:-1]}, {self.record}: {self.value}"


class Findings:
    """Collects what the checks find and says whether a repair is switched on."""

    def __init__(self, repairs: Collection[Repair]) -> None:
        self._repairs = frozenset(repairs)
        self._found: list[Finding] = []

    def add(self, rule: str, file: str, record: str, value: object) -> bool:
        """Notes a finding; returns whether it is to be repaired."""
        known = RULES[rule]
        repaired = known.repair in self._repairs
        severity: Severity = "warning" if repaired else known.severity
        text = value if isinstance(value, str) else shorten(value)
        self._found.append(Finding(severity, rule, file, record, text, known.repair))
        return repaired

    def report(self) -> "ValidationReport":
        """All that was found, errors first, in the order of the rules."""
        order = {rule: index for index, rule in enumerate(RULES)}
        return ValidationReport(tuple(sorted(self._found, key=lambda f: (f.severity, order[f.rule]))))


@dataclass(frozen=True)
class ValidationReport:
    """All findings of one check, errors before warnings, each rule's together."""

    findings: tuple[Finding, ...] = field(default=())

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that stop a run."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def counts(self) -> dict[str, int]:
        """Number of findings by rule, only of rules that were broken."""
        return dict(Counter(finding.rule for finding in self.findings))

    def raise_on_errors(self) -> None:
        """Raises one DataError that lists the errors by rule, at most about twenty of them, if there are any."""
        errors = self.errors
        if not errors:
            return
        lines = [f"the data set has {len(errors)} error{'s' if len(errors) > 1 else ''}:"]
        shown = _first_of_each(errors, ERROR_LINES)
        for rule, findings in _by_rule(shown):
            lines.append(f"{rule} ({self.counts()[rule]}): {RULES[rule].text}{_advice(findings[0])}")
            lines.extend(f"  {finding.line()}" for finding in findings)
        if len(shown) < len(errors):
            lines.append(f"and {len(errors) - len(shown)} more; see data/validation.json in the run folder")
        raise DataError("\n".join(lines))

    def table(self) -> str:
        """A plain table: each rule with severity, number, repair and first examples."""
        if not self.findings:
            return "nothing found"
        rows = [("severity", "rule", "count", "repair")]
        examples: list[list[str]] = [[]]
        for rule, findings in _by_rule(self.findings):
            rows.append((findings[0].severity, rule, str(len(findings)), findings[0].repair or "-"))
            examples.append([f"    {finding.line()}" for finding in findings[:EXAMPLES]])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines: list[str] = []
        for row, more in zip(rows, examples, strict=True):
            lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
            lines.extend(more)
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The report for `validation.json`: `counts` by rule and all `findings`."""
        return {"counts": self.counts(), "findings": [asdict(finding) for finding in self.findings]}


def _by_rule(findings: Collection[Finding]) -> Iterator[tuple[str, list[Finding]]]:
    for rule in dict.fromkeys(finding.rule for finding in findings):
        yield rule, [finding for finding in findings if finding.rule == rule]


def _first_of_each(findings: Collection[Finding], most: int) -> list[Finding]:
    """About `most` findings, evenly of all rules, so that one frequent rule does not hide another."""
    groups = [group for _, group in _by_rule(findings)]
    quota = 1
    while quota < len(findings) and sum(min(len(group), quota + 1) for group in groups) <= most:
        quota += 1
    return [finding for group in groups for finding in group[:quota]]


def _advice(finding: Finding) -> str:
    return f"; `data.repair: [{finding.repair}]` would repair it" if finding.repair else ""
