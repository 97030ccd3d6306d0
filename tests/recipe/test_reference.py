import re
from pathlib import Path

from recycle.recipe.reference import reference

PAGE = Path(__file__).parent.parent.parent / "docs" / "recipes.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == reference(), "run `make reference`"


def test_every_key_says_what_it_means() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", reference(), re.MULTILINE)
    assert len(rows) > 100
    assert [key for key, meaning in rows if not meaning.strip() and key not in ("type", "family")] == []


def test_every_part_that_is_mentioned_has_a_section() -> None:
    page = reference()
    sections = {name.lower() for name in re.findall(r"^## (\w+)$", page, re.MULTILINE)}
    assert set(re.findall(r"\]\(#(\w+)\)", page)) <= sections
