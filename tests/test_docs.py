"""What the documentation promises: links lead somewhere, commands exist, and its example of a new family trains."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from recycle.data.coco import read_coco
from recycle.data.synthetic import write_synthetic
from recycle.training.member import MemberTask
from recycle.training.progress import Progress

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
EXTENDING = ROOT / "docs" / "extending.md"
MOST_LINES = 80


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Names of headings as they are linked to."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_jobs_and_targets_that_are_named_exist(page: Path) -> None:
    text = page.read_text()
    for job in re.findall(r"jobs/\w+\.py", text):
        assert (ROOT / job).is_file(), f"{page.name}: {job}"
    makefile = (ROOT / "Makefile").read_text()
    for targets in re.findall(r"(?:^|`)make ((?:[a-z-]+ ?)+)", text, re.MULTILINE):
        for target in targets.split():
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page.name}: make {target}"


def test_options_of_jobs_that_are_shown_exist() -> None:
    for page in PAGES:
        for job, rest in re.findall(r"(jobs/\w+\.py)((?:[^\n`]|\\\n)*)", "\n".join(blocks(page, "bash"))):
            source = (ROOT / job).read_text()
            for option in re.findall(r"(?<!\S)--[a-z-]+", rest):
                assert f'"{option}"' in source, f"{page.name}: {job} {option}"


def test_the_example_of_a_new_family_is_short() -> None:
    lines = [line for block in blocks(EXTENDING, "python") + blocks(EXTENDING, "text") for line in block.splitlines()]
    assert len(lines) < MOST_LINES


@pytest.mark.training
def test_the_example_of_a_new_family_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from recycle.models import families
    from recycle.models.cost import relative_cost
    from recycle.models.size import checkpoints_gib
    from recycle.training.train import load_member, train_member

    example: dict[str, Any] = {}
    for block in blocks(EXTENDING, "python"):
        exec(compile(block, str(EXTENDING), "exec"), example)
    monkeypatch.setattr(families, "openmmlab", example["gfl"])
    (recipe,) = (yaml.safe_load(block) for block in blocks(EXTENDING, "yaml"))
    (model,) = recipe["models"]
    settings = TypeAdapter(example["GFL"]).validate_python({**model, "image_size": 96, "epochs": 2, "batch_size": 4})
    assert relative_cost(settings) > 0  # plans and schedules ask for it
    assert checkpoints_gib(settings, 2) > 0
    write_synthetic(tmp_path, images=12, image_size=96, seed=0)
    sample = read_coco(tmp_path / "annotations.json", tmp_path)
    ids = [image.id for image in sample.images]
    losses: list[float] = []
    task = MemberTask("gfl", settings, sample.subset(ids[:8]), sample.subset(ids[8:]), tmp_path / "gfl", seed=0)

    def note(progress: Progress) -> None:
        losses.append(progress.loss)

    train_member(task, note)
    assert losses[-1] < losses[0]
    assert load_member(task) is not None


def test_messages_that_are_explained_are_those_of_the_program() -> None:
    sources = (path.read_text() for path in sorted((ROOT / "recycle").rglob("*.py")))
    program = re.sub(r'"\s*\n\s*f?"', "", "\n".join(sources))
    headings = re.findall(r"^### (.*)$", (ROOT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE)
    messages = [message for heading in headings for message in re.findall(r"`([^`]+)`", heading)]
    assert len(messages) > 15
    for message in messages:
        for part in message.split("…"):
            assert part.strip() in program, message
