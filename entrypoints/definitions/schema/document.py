"""The JSON Schema document of definitions, for editors: the schema, and the rules between several keys."""

from copy import deepcopy
from functools import cache

from entrypoints.definitions.schema.pipeline import DEFINITION
from entrypoints.definitions.schema.schedules import RECURRENCE_RULES, SCHEDULE_RULES
from entrypoints.definitions.schema.stage import STAGE_RULES
from entrypoints.definitions.schema.values import Schema

SCHEMA_PATH = "/schemas/pipeline.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NONE: Schema = {"anyOf": [{"type": "null"}, {"maxItems": 0}]}
_PIPELINE_RULES: list[Schema] = [
    {
        "if": {
            "required": ["stages"],
            "properties": {"stages": {"items": {"required": ["kind"], "properties": {"kind": {"const": "external"}}}}},
        },
        "then": {"properties": {"schedules": _NONE}},
        "else": {"properties": {"expect": _NONE}},
    }
]


def build_schema_document(base_url: str) -> Schema:
    """Return the document. `base_url` is that of the web server that serves it."""
    head = {
        "$schema": _DIALECT,
        "$id": f"{base_url}{SCHEMA_PATH}",
        "title": "Headgate pipeline",
        "description": "The definition of a pipeline: its stages, and when and how they run.",
    }
    return head | _build_with_rules()


def format_modeline(location: str) -> str:
    """Return the comment that gives a YAML file its schema, for editors with the YAML language server. `location` is a URL or a path."""
    return f"# yaml-language-server: $schema={location}"


@cache
def _build_with_rules() -> Schema:
    """Return the definition's schema with its rules. The OpenAPI document is without them: few of its tools know them."""
    definition = deepcopy(DEFINITION)
    keys = definition["properties"]
    definition["allOf"] = _PIPELINE_RULES
    keys["stages"]["items"]["allOf"] = STAGE_RULES
    keys["schedules"]["anyOf"][0]["items"]["allOf"] = [*SCHEDULE_RULES, *RECURRENCE_RULES]
    keys["expect"]["anyOf"][0]["items"]["allOf"] = RECURRENCE_RULES
    return definition
