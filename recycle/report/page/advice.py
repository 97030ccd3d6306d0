"""What to do next, derived from the numbers of a run."""

from collections.abc import Iterator

from recycle.evaluation.diagnosis import Diagnosis
from recycle.report.page.contents import ReportContents

_ADVICE = {
    "classification": (
        "boxes lie right but bear the wrong class: look at the confusion matrix, and give similar classes more or "
        "cleaner examples"
    ),
    "localization": (
        "objects are found but boxes lie badly: larger images or a detector that refines its boxes (Cascade R-CNN) "
        "help most"
    ),
    "both": "class and box are wrong together: train longer, or on larger images",
    "duplicate": "objects are found twice: lower the IoU threshold of the fusion or of the models' own suppression",
    "background": (
        "detections stand where nothing is: look at the worst images for objects without annotation, then calibrate "
        "scores"
    ),
    "missed": (
        "objects are not found at all: larger images, test-time augmentation and copy-paste of rare classes help most"
    ),
}


def next_step(contents: ReportContents) -> str:
    """One or two sentences on what promises most."""
    return " ".join(_steps(contents))


def _steps(contents: ReportContents) -> Iterator[str]:
    if contents.failed:
        first, others = contents.failed[0], len(contents.failed) - 1
        more = f", as {'was' if others == 1 else 'were'} {others} more" if others else ""
        yield f"mend {first.name}, which was given up{more}: {_ended(first.reason.removeprefix(f'{first.name}: '))}"
    elif contents.results is None:
        yield "continue the run with --resume; what is finished is not done again."
    if contents.main is not None:
        yield _largest_cost(contents.main)
        yield from _weakest_class(contents.main)
    if len(contents.models) == 1:
        yield "A second model of another family would show what fusing brings."


def _largest_cost(main: Diagnosis) -> str:
    kind = max(main.errors.costs, key=lambda name: main.errors.costs[name])
    return f"What costs most now ({main.errors.costs[kind]:.3f} mAP50 if all were mended) is that {_ADVICE[kind]}."


def _weakest_class(main: Diagnosis) -> Iterator[str]:
    known = [one for one in main.classes if one.map50 is not None]
    if len(known) > 1:
        weakest = min(known, key=lambda one: one.map50 or 0.0)
        yield (
            f"The weakest class is “{weakest.name}”: mAP50 {weakest.map50:.3f} on {weakest.objects:,} "
            f"{'object' if weakest.objects == 1 else 'objects'}."
        )


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
