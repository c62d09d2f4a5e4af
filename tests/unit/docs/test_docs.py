"""README and docs: links, generated pages, definitions and key tables agree with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from domain.alerts.parsing import RULE_KEYS
from domain.concurrency.parsing import LIMIT_KEYS
from domain.pipelines.field_parser import ALL_STAGE_KEYS
from domain.pipelines.parsing import PIPELINE_KEYS, parse_definition
from domain.schedules.parsing import EXPECTATION_KEYS, SCHEDULE_KEYS
from entrypoints.definitions.yaml_reader import parse_definition as read_definition
from tests.support.page_blocks import read_blocks
from tests.support.paths import ROOT
from tests.support.reference_pages import FOLDER, PAGES

DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(#[^)]*)?\)")
TEST_PATH = re.compile(r"`(tests/[\w/.]+)`")


def find_broken_links(document: Path) -> list[str]:
    """Return the relative links that lead to no file."""
    return [found[1] for found in LINK.finditer(document.read_text()) if not (document.parent / found[1]).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(document: Path) -> None:
    assert find_broken_links(document) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("[good](page.md) [web](https://example.com) [bad](absent.md#part)")

    assert find_broken_links(page) == ["absent.md"]


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, open_pages = set(), [ROOT / "README.md"]
    while open_pages:
        page = open_pages.pop()
        reached.add(page.resolve())
        targets = [(page.parent / found[1]).resolve() for found in LINK.finditer(page.read_text())]
        open_pages += [target for target in targets if target.suffix == ".md" and target not in reached]

    assert {document.resolve() for document in DOCUMENTS} - reached == set()


def test_the_tests_that_the_security_page_names_exist() -> None:
    named = TEST_PATH.findall((ROOT / "docs/security.md").read_text())

    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_current(name: str) -> None:
    assert (FOLDER / name).read_text() == PAGES[name](), "run `make docs`"


@pytest.mark.parametrize(
    ("page", "needs"),
    [
        ("docs/how-to/write-a-pipeline.md", [[(), ("fetch",), ("fetch",), ("north", "south")], [()]]),
        ("docs/how-to/add-workers.md", [[()]]),
        ("docs/tutorial.md", [[(), ("fetch",), ("build",)], [()]]),
    ],
)
def test_definitions_in_the_docs_can_be_applied(page: str, needs: list[list[tuple[str, ...]]]) -> None:
    definitions = [parse_definition(read_definition(block.text)) for block in read_blocks(page) if block.language == "yaml"]

    assert [[stage.needs for stage in definition.stages] for definition in definitions] == needs


def test_the_definition_page_names_every_key() -> None:
    page = (ROOT / "docs/reference/definition.md").read_text()
    rows = [row.split("|")[1] for row in page.splitlines() if row.startswith("| `")]
    named = set(re.findall(r"`(\w+)`", " ".join(rows)))

    assert named == PIPELINE_KEYS | ALL_STAGE_KEYS | SCHEDULE_KEYS | EXPECTATION_KEYS | LIMIT_KEYS | RULE_KEYS
