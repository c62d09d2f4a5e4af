"""`headgate apply` with definitions that share groups: their order does not matter, and what does not fit is named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import Result

from tests.support.in_process import InProcessHeadgate
from tests.support.terminal import run_command


class Terminal:
    """Writes definitions into a folder and applies it."""

    def __init__(self, headgate: InProcessHeadgate, folder: Path) -> None:
        self._headgate, self._folder = headgate, folder

    async def apply(self, definitions: Mapping[str, str], *options: str) -> Result:
        for name, text in definitions.items():
            (self._folder / f"{name}.yaml").write_text(f"name: {name}\n{text}")
        return await run_command(self._headgate, "apply", str(self._folder), *options)

    async def plan(self, definitions: Mapping[str, str]) -> Result:
        return await self.apply(definitions, "--plan")

    async def list_pipelines(self) -> list[str]:
        return sorted(pipeline.name for pipeline in await self._headgate.fakes.reader.pipelines(0, 10))


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(InProcessHeadgate(), tmp_path)


def define(uses: str = "", **limits: int | None) -> str:
    """Return a definition whose runs hold groups, with limits, and whose stage uses groups."""
    entries = ", ".join(f"{{group: {group}, limit: {limit or 'null'}}}" for group, limit in limits.items())
    return f"concurrency: [{entries}]\nstages: [{{name: load, command: ['true'], uses: [{uses}]}}]\n"


@pytest.mark.parametrize(
    "definitions",
    [
        {"reports": define("warehouse"), "sales": define(warehouse=4)},
        {"reports": define(warehouse=None), "sales": define(warehouse=4)},
        {"a": define("x, y"), "b": define("y", x=1), "c": define("z", y=1), "d": define(z=1)},
    ],
    ids=["a stage first", "a run without a limit first", "a chain"],
)
async def test_definitions_are_applied_in_the_order_that_their_groups_need(terminal: Terminal, definitions: dict[str, str]) -> None:
    plan = await terminal.plan(definitions)
    assert (plan.exit_code, plan.stderr) == (2, "")
    assert plan.stdout.endswith(f"\nPlan: {len(definitions)} created\n") and not await terminal.list_pipelines()

    result = await terminal.apply(definitions)
    assert (result.exit_code, result.stderr) == (0, "")
    assert await terminal.list_pipelines() == sorted(definitions)
    assert result.stdout.endswith(f"\n{len(definitions)} created\n")

    again = await terminal.apply(definitions)
    assert (again.exit_code, again.stderr) == (0, "") and again.stdout.endswith(f"\n{len(definitions)} unchanged\n")


async def test_a_limit_that_two_pipelines_gave_is_changed_by_one_when_the_other_gives_none(terminal: Terminal) -> None:
    await terminal.apply({"a": define(warehouse=4), "b": define(warehouse=4)})

    changed = {"a": define(warehouse=6), "b": define(warehouse=None)}
    plan = await terminal.plan(changed)
    result = await terminal.apply(changed)

    assert (plan.exit_code, plan.stderr) == (2, "")
    assert (result.exit_code, result.stderr) == (0, "")


async def test_what_does_not_fit_after_all_is_refused_once_with_the_reason(terminal: Terminal) -> None:
    definitions = {"a": define("mail"), "b": define(warehouse=4), "c": define(warehouse=6)}
    plan = await terminal.plan(definitions)
    result = await terminal.apply(definitions)

    *planned, _ = plan.stderr.splitlines()
    *refused, _ = result.stderr.splitlines()
    assert (plan.exit_code, planned) == (1, refused)
    assert plan.stdout.endswith("\nPlan: 1 created, 2 refused\n")
    assert result.exit_code == 1
    assert [re.sub(r"^.*\.yaml: line \d+: ", "", line) for line in refused] == [
        "stages[0].uses: names the group mail, which has no limit: set one under concurrency in a pipeline, or as an admin",
        "concurrency[0].limit: must be 4, the limit of the group warehouse in pipeline b",
    ]
    assert result.stdout.endswith("\n1 created, 2 refused\n")
    assert await terminal.list_pipelines() == ["b"]


async def test_other_problems_are_printed_at_once(terminal: Terminal) -> None:
    result = await terminal.apply({"a": define("mail") + "parallelism: 0\n", "b": define()})

    assert result.exit_code == 1
    assert "parallelism: must be a whole number" in result.stderr and result.stdout.endswith("\n1 created, 1 refused\n")
