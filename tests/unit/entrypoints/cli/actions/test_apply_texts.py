"""`headgate apply` sends files as they are written, so that their comments are stored."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import Result

from tests.support.in_process import InProcessHeadgate
from tests.support.terminal import run_command

FLIGHTS = "# Loads the flights.\nname: flights\n\nstages:\n  - {name: a, kind: external}  # certified by hand\n"
TRAINS = "# Loads the trains.\nname: trains\nstages:\n- {name: a, kind: external}\n"


class Terminal:
    """A terminal beside a Headgate."""

    def __init__(self, headgate: InProcessHeadgate, folder: Path) -> None:
        self._headgate, self._folder = headgate, folder

    async def apply(self, text: str, name: str = "flights.yaml") -> Result:
        file = self._folder / name
        file.write_bytes(text.encode())
        return await run_command(self._headgate, "apply", str(file))

    async def read(self, pipeline: str, number: int) -> tuple[str, str]:
        answer = await self._headgate.client.get(f"/pipelines/{pipeline}/revisions/{number}/source")
        return answer.headers["headgate-source"], answer.text


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(InProcessHeadgate(), tmp_path)


async def test_a_file_is_stored_as_it_is_written(terminal: Terminal) -> None:
    result = await terminal.apply("\ufeff" + FLIGHTS.replace("\n", "\r\n"))

    assert (result.exit_code, result.stderr) == (0, "")
    assert await terminal.read("flights", 1) == ("written", FLIGHTS)


async def test_json_is_stored_as_it_is_written(terminal: Terminal) -> None:
    text = '{\n\t"name": "flights",\n\t"stages": [ {"name": "a", "kind": "external"} ]\n}'

    result = await terminal.apply(text, "flights.json")

    assert result.exit_code == 0
    assert await terminal.read("flights", 1) == ("written", text)


async def test_a_file_with_other_comments_is_a_revision_without_functional_change(terminal: Terminal) -> None:
    await terminal.apply(FLIGHTS)

    same = await terminal.apply(FLIGHTS)
    other = await terminal.apply(FLIGHTS.replace("by hand", "by ann"))

    assert same.stdout.startswith("flights: unchanged, revision 1  (")
    assert other.stdout.startswith("flights: revision 2, no functional change  (")
    assert await terminal.read("flights", 2) == ("written", FLIGHTS.replace("by hand", "by ann"))


async def test_each_definition_of_a_file_keeps_its_own_comments(terminal: Terminal) -> None:
    result = await terminal.apply(f"{FLIGHTS}---\n{TRAINS}")

    assert result.exit_code == 0, result.output
    assert await terminal.read("flights", 1) == ("written", FLIGHTS)
    assert await terminal.read("trains", 1) == ("written", TRAINS)


async def test_problems_have_the_lines_of_the_file(terminal: Terminal) -> None:
    one = await terminal.apply(FLIGHTS.replace("kind: external", "kind: ritual"), "one.yaml")
    wrong = TRAINS.replace("{name: a, kind: external}", "name: a\n  kind: external\n  timeout: -1")
    several = await terminal.apply(f"{FLIGHTS}---\n{wrong}")

    assert "one.yaml: line 5: stages[0].kind: must be one of" in one.stderr
    assert "flights.yaml #2: line 12: stages[0].timeout: " in several.stderr
    assert "flights: created" in several.stdout


async def test_a_file_that_is_larger_than_a_request_is_applied_without_its_text(terminal: Terminal) -> None:
    result = await terminal.apply(FLIGHTS + "# long\n" * 200_000)

    assert result.exit_code == 0, result.output
    assert (await terminal.read("flights", 1))[0] == "generated"
