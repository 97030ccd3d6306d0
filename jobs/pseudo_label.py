"""Makes one more round of pseudo labels on a finished run: labels its test images, trains on them, keeps what helps.

    python jobs/pseudo_label.py --run-dir runs/first
    python jobs/pseudo_label.py --run-dir runs/first --from best.csv --set pseudo_labels.score_thr=0.6

Results and submission of the run become those of the new ensemble if the round makes it better out of fold; otherwise
they stay. An interrupted round is continued by the same command.
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from recycle.orchestration.job import ExitStatus, run_job
from recycle.orchestration.pseudo_label import add_round


def main(arguments: list[str] | None = None) -> int:
    """Runs the job."""
    options = _parse(arguments)

    def body(console: Console) -> ExitStatus:
        results = add_round(options.run_dir, options.source, options.set, console)
        return ExitStatus.MEMBERS_FAILED if results.failed else ExitStatus.SUCCESS

    return run_job(body, "Interrupted. The same command continues the round.")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    description = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--run-dir", type=Path, required=True, metavar="RUN", help="folder of a finished run")
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FILE",
        help="learn from these predictions of the test images, a submission CSV or COCO results",
    )
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="changes how this round learns, as in pseudo_labels.share=0.3",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
