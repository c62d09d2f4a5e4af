"""`headgate schema`, `init` and `lint`: they need no server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from domain.pipelines.parsing import parse_definition
from entrypoints.definitions.schema.document import build_schema_document
from entrypoints.definitions.yaml_reader import parse_definition as read_definition
from tests.support.paths import ROOT
from tests.unit.entrypoints.cli.conftest import RunCommand

URL = "https://ops.example/headgate"
MODELINE = f"# yaml-language-server: $schema={URL}/schemas/pipeline.json"
VALID = "name: sales\nstages:\n  - name: load\n    command: [echo, loaded]\n"
BROKEN = "name: sales\nstages:\n  - name: load\n    command: [echo, 5]\n"
NEGATIVE = "name: costs\nstages:\n  - name: load\n    command: [echo, a]\n    timeout: -1\n"
CYCLE = "name: loop\nstages:\n  - {name: a, command: [x], needs: [b]}\n  - {name: b, command: [x], needs: [a]}\n"
TIMEOUT = "stages[0].timeout: must be seconds or a duration such as 90s, 15m, 24h or 7d; more than 0 and at most 366 days"


def test_the_schema_is_printed_alone_and_the_line_to_paste_beside_it(headgate: RunCommand) -> None:
    result = headgate("schema", url=URL)

    assert json.loads(result.stdout) == build_schema_document(URL)
    assert result.stderr.splitlines()[-1] == MODELINE


def test_the_first_pipeline_is_valid_and_names_the_next_commands(headgate: RunCommand) -> None:
    result = headgate("init", "reports", url=URL)
    text = Path("reports/pipeline.yaml").read_text()

    assert result.stdout.split() == (
        [
            "Wrote",
            "reports/pipeline.yaml.",
            "Next:",
            "headgate",
            "apply",
            "reports/pipeline.yaml",
            "headgate",
            "trigger",
            "reports",
            "--watch",
        ]
    )
    assert text.splitlines()[0] == MODELINE
    assert [stage.name for stage in parse_definition(read_definition(text)).stages] == ["greet", "count"]
    assert headgate("lint", "reports").returncode == 0


def test_the_schedule_of_the_first_pipeline_can_be_uncommented(headgate: RunCommand) -> None:
    headgate("init", "nightly.yaml")
    before, _, schedule = Path("nightly.yaml").read_text().partition("# schedules:")
    commented = ("# schedules:" + schedule).splitlines()

    definition = parse_definition(read_definition(before + "\n".join(line.removeprefix("# ") for line in commented)))

    assert (definition.name, definition.schedules[0].recurrence.cron) == ("nightly", "30 2 * * *")


@pytest.mark.parametrize(("target", "name"), [("2024.yaml", "hello"), ("yes.yml", "hello"), ("a b.yaml", "a-b")])
def test_the_name_is_one_that_a_pipeline_can_have(headgate: RunCommand, target: str, name: str) -> None:
    headgate("init", target)

    assert parse_definition(read_definition(Path(target).read_text())).name == name


def test_an_existing_file_is_never_overwritten(headgate: RunCommand) -> None:
    Path("pipeline.yaml").write_text("mine")

    result = headgate("init")

    assert (result.returncode, Path("pipeline.yaml").read_text()) == (2, "mine")
    assert "pipeline.yaml exists already and was not changed. Name another file: headgate init FILE.yaml" in result.stderr


def test_each_error_has_its_file_line_and_column(headgate: RunCommand) -> None:
    Path("a").mkdir()
    Path("a/broken.yaml").write_text(BROKEN)
    Path("a/costs.yaml").write_text(NEGATIVE)
    Path("a/loop.yaml").write_text(CYCLE)
    Path("a/sales.yaml").write_text(VALID)

    result = headgate("lint", "a")

    assert result.returncode == 1
    assert result.stdout.splitlines() == [
        "a/broken.yaml:4:21: stages[0].command[1] is the number 5: put it in quotes",
        f"a/costs.yaml:5:14: {TIMEOUT}",
        "a/loop.yaml:3:3: stages: these stages need each other in a cycle: a → b → a",
    ]
    assert result.stderr == "Checked 3 definitions: 3 errors.\n"


def test_lines_count_from_the_start_of_a_file_of_several_definitions(headgate: RunCommand) -> None:
    Path("all.yaml").write_text(f"---\n{VALID}---\n{NEGATIVE}")

    assert headgate("lint", "all.yaml").stdout == f"all.yaml:11:14: {TIMEOUT}\n"


def test_a_name_that_two_files_define_is_an_error_as_apply_refuses_both(headgate: RunCommand) -> None:
    Path("a.yaml").write_text(VALID)
    Path("b.yaml").write_text("# again\n" + VALID)

    result = headgate("lint", "a.yaml", "b.yaml")

    assert (result.returncode, result.stdout) == (1, "b.yaml:2:7: name: sales is also defined in a.yaml; apply would apply neither\n")


def test_a_command_that_needs_a_shell_is_a_warning(headgate: RunCommand) -> None:
    result = headgate("lint", "-", stdin="name: p\nstages:\n  - {name: a, command: [echo, a, '|', sort]}\n")

    assert (result.returncode, result.stderr) == (0, "Checked 1 definition: 1 warning.\n")
    assert result.stdout == "standard input:3:24: warning: stages[0].command: | needs a shell: set shell: true\n"


def test_problems_are_printed_for_programs(headgate: RunCommand) -> None:
    Path("costs.yaml").write_text(NEGATIVE)

    as_json = json.loads(headgate("lint", "costs.yaml", "--format", "json").stdout)
    as_annotation = headgate("lint", "costs.yaml", "--format", "github").stdout

    assert [(each["file"], each["line"], each["column"], each["field"]) for each in as_json] == [("costs.yaml", 5, 14, "stages[0].timeout")]
    assert as_annotation == f"::error file=costs.yaml,line=5,col=14::{TIMEOUT}\n"


@pytest.mark.parametrize("arguments", [["absent.yaml"], ["."], ["x.yaml", "--format", "xml"]])
def test_what_cannot_be_read_has_exit_code_2(headgate: RunCommand, arguments: list[str]) -> None:
    assert headgate("lint", *arguments).returncode == 2


def test_lint_loads_no_server_and_no_database() -> None:
    script = "import sys, entrypoints.cli.app, entrypoints.cli.actions.lint; print(*{name.split('.')[0] for name in sys.modules})"

    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()

    assert "jsonschema_rs" in loaded
    assert {"fastapi", "starlette", "sqlalchemy", "psycopg", "httpx", "pydantic_settings", "prefect"}.isdisjoint(loaded)
