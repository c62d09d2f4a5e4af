"""The tables of keys on the page of definitions, made from the JSON Schema that editors use."""

from __future__ import annotations

import json
import re
from typing import Any

from entrypoints.definitions.schema.alerts import RULE
from entrypoints.definitions.schema.concurrency import LIMIT
from entrypoints.definitions.schema.pipeline import DEFINITION
from entrypoints.definitions.schema.schedules import EXPECTATION, SCHEDULE
from entrypoints.definitions.schema.stage import STAGE_KEY_SCHEMAS, list_kinds
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "reference" / "definition.md"
TABLES: dict[str, dict[str, dict[str, Any]]] = {
    "pipeline": DEFINITION["properties"],
    "stage": STAGE_KEY_SCHEMAS,
    "concurrency limit": LIMIT["properties"],
    "schedule": SCHEDULE["properties"],
    "expectation": EXPECTATION["properties"],
    "alert rule": RULE["properties"],
}
_TABLE = re.compile(r"(?<=<!-- table: )([a-z ]+) -->\n.*?(?=<!-- end of table -->)", re.DOTALL)


def render_definition_page() -> str:
    """Return the page of definitions with its tables written anew. What stands between the tables is written by hand."""
    return _TABLE.sub(lambda found: f"{found[1]} -->\n{render_table(found[1])}\n", PAGE.read_text(encoding="utf-8"))


def render_table(name: str) -> str:
    """Return a table: a row for each key of the schema."""
    head = "| key | kinds | meaning | default |\n|---|---|---|---|" if name == "stage" else "| key | meaning | default |\n|---|---|---|"
    return "\n".join([head, *(_render_row(name, key, schema) for key, schema in TABLES[name].items())])


def _render_row(table: str, key: str, schema: dict[str, Any]) -> str:
    kinds = [", ".join(f"`{kind}`" for kind in list_kinds(key)) or "all"] if table == "stage" else []
    cells = [f"`{key}`", *kinds, _describe(schema), _format_default(schema.get("default"))]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _describe(schema: dict[str, Any]) -> str:
    """Return the description, and the choices that it does not name."""
    description: str = schema["description"]
    choices = [choice for choice in schema.get("enum", ()) if f"`{choice}`" not in description]
    return f"{description} One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else description


def _format_default(default: Any) -> str:
    if default in (None, "", []):
        return ""
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"
