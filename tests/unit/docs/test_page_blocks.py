"""Each fenced block of README, the tutorial and the how-to pages is run by a test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.page_blocks import TESTS_BY_PAGE, Block, find_blocks, parse_blocks, read_blocks
from tests.support.paths import ROOT

PAGES = ["README.md", "docs/tutorial.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs/how-to").glob("*.md"))]
TESTS = sorted({test for tests in TESTS_BY_PAGE.values() for test in tests})
INLINE_COMMAND = re.compile(r"`((?:[A-Z_]+=\S+ )*(?:curl|docker|headgate|make|prefect) [^`]+)`")


def test_each_block_is_run_by_a_test() -> None:
    blocks = {(page, number) for page in PAGES for number, _ in enumerate(read_blocks(page))}
    run = {(page, number) for page, tests in TESTS_BY_PAGE.items() for number, _ in enumerate(tests)}

    assert blocks == run


def test_no_fence_is_missed() -> None:
    for page in PAGES:
        blocks = read_blocks(page)
        fences = (ROOT / page).read_text().count("```")

        assert fences == 2 * (len(blocks) + sum(block.answer is not None for block in blocks)), page


@pytest.mark.parametrize("test", TESTS)
def test_each_named_test_exists_and_takes_its_blocks(test: str) -> None:
    path, name = test.split("::")
    functions = [node for node in ast.parse((ROOT / path).read_text()).body if isinstance(node, ast.FunctionDef) and node.name == name]

    assert [argument.arg for function in functions for argument in function.args.args if argument.arg == "blocks"] == ["blocks"]
    assert find_blocks(test)


def test_commands_in_the_text_of_a_how_to_page_are_in_a_block_too() -> None:
    commands = "".join(block.text for page in PAGES for block in read_blocks(page))

    for page in Path(ROOT / "docs/how-to").glob("*.md"):
        assert [command for command in INLINE_COMMAND.findall(page.read_text()) if command not in commands] == [], page


def test_an_answer_belongs_to_the_block_above() -> None:
    page = 'Run:\n\n```sh\ncurl x\n```\n```json\n{"a": 1}\n```\n\n```\nplain\n```\n\n```text\nalone\n```\n'

    assert parse_blocks(page) == [Block("sh", "curl x\n", '{"a": 1}\n'), Block("", "plain\n"), Block("text", "alone\n")]


def test_a_block_in_a_list_is_not_indented() -> None:
    assert parse_blocks("1. Copy:\n\n   ```sh\n   cp a \\\n     b\n   ```\n") == [Block("sh", "cp a \\\n  b\n")]


def test_a_command_in_the_text_is_found() -> None:
    text = "Run `HEADGATE_POOL=gpu headgate worker`, with `headgate` from `.venv/bin/headgate` and `HEADGATE_URL`, then `make run`."

    assert INLINE_COMMAND.findall(text) == ["HEADGATE_POOL=gpu headgate worker", "make run"]
