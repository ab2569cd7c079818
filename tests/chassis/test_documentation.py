"""What the README says is what the code does: settings, events, targets and commands."""

import re
from pathlib import Path

from tests import documentation

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_tables_are_the_codes() -> None:
    assert documentation.renewed(README) == README, "run `python -m tests.documentation`"


def test_the_make_targets_it_names_are_there_and_listed() -> None:
    makefile = (ROOT / "Makefile").read_text()
    listed = set(re.findall(r"^([a-z-]+):.*## ", makefile, flags=re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", README, flags=re.MULTILINE)) <= listed
    phony = set(re.findall(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)[0].split())
    assert phony == listed


def test_every_path_of_the_map_is_there() -> None:
    block = README.split("## One screen of map")[1].split("```")[1]
    for name in re.findall(r"^([\w/.]+)", block, flags=re.MULTILINE):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"^  ([\w/.]+)|\s{3,}([\w]+(?:/|\.py))  ", block, flags=re.MULTILINE):
        place = next(part for part in name if part)
        assert (ROOT / "services" / place).exists(), place


def test_every_decision_is_listed_and_names_what_enforces_it() -> None:
    folder = ROOT / "docs" / "adr"
    listing = (folder / "README.md").read_text()
    decisions = sorted(folder.glob("0*.md"))
    assert len(decisions) >= 10
    for decision in decisions:
        text = decision.read_text()
        assert f"({decision.name})" in listing, decision.name
        for part in ("**Context.**", "**Decision.**", "**Consequences.**", "**Rejected.**", "**Enforced by**"):
            assert part in text, f"{decision.name} lacks {part}"


def test_every_app_has_a_page() -> None:
    for package in ("catalog_service", "demand_service", "pricing_service", "feedback_service", "gateway"):
        page = (ROOT / package / "README.md").read_text()
        assert 15 <= len(page.splitlines()) <= 120, package
