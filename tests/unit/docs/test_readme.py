"""What the README says without a running Headgate: its tables, links and definitions."""

from __future__ import annotations

import re
from pathlib import Path

import typer
import yaml
from pydantic_core import PydanticUndefined

from domain.pipelines.field_parser import ALL_STAGE_KEYS
from domain.pipelines.parsing import PIPELINE_KEYS, parse_definition
from entrypoints.cli.app import app
from entrypoints.cli.commands.pipelines import register_commands
from entrypoints.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text()


def settings_table() -> str:
    """The table as the README must have it; paste it there when a setting changes."""
    rows = ["| variable | default | |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is PydanticUndefined or field.default in (None, "") else f"`{field.default}`"
        rows.append(f"| `HEADGATE_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows)


def test_the_settings_are_those_there_are() -> None:
    between = README.split("<!-- settings -->\n")[1].split("\n<!-- /settings -->")[0]

    assert between == settings_table()


def test_every_file_it_points_to_is_there() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)

    assert len(links) > 4
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_its_pipeline_can_be_applied() -> None:
    (definition,) = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)]

    assert [stage.needs for stage in parse_definition(definition).stages] == [(), ("fetch",), ("fetch",), ("north", "south")]


def test_its_tables_name_every_key_of_a_definition() -> None:
    tables = README.split("## Writing a pipeline")[1].split("## Reporting")[0]
    rows = [row.split("|")[1] for row in tables.splitlines() if row.startswith("| `")]
    named = set(re.findall(r"`(\w+)`", " ".join(rows)))

    assert named == PIPELINE_KEYS | ALL_STAGE_KEYS - {"shell"}
    assert "`shell: true`" in tables


def test_its_commands_are_those_there_are() -> None:
    named = README.split("## In the terminal")[1].split("## Settings")[0]
    commands = typer.Typer()
    register_commands(commands)
    known = {
        command.name or command.callback.__name__ for command in app.registered_commands + commands.registered_commands if command.callback
    }

    assert {name for name in known if f"`headgate {name}" not in named and f"`{name}`" not in named} == set()
