"""The static parts of a pipeline's page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from application.queries.views.pipelines import PipelineView
from domain.pipelines.definition import PipelineDefinition
from entrypoints.web.view_models.formatting import StatusLabel, Timestamp, format_timestamp, get_status_label, shorten_json
from entrypoints.web.view_models.pipelines.definition_text import format_definition, shorten_definition
from entrypoints.web.view_models.report_commands import find_stage_to_report

MAX_CHOICES = 8
MAX_PARAMETERS = 100
MAX_NAME_LENGTH = 200
MAX_EXAMPLES = 20
"""Parameters in a command to copy."""
MAX_SNIPPET_LENGTH = 20_000


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter with its type, range and default in words."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Snippet:
    """A text to copy."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class PipelinePage:
    """The page of a pipeline."""

    id: int
    name: str
    description: str
    status: StatusLabel
    revision: int
    updated: Timestamp | None
    parallelism: int
    parameters: Sequence[Parameter]
    hidden_parameters: int
    has_parameters: bool
    definition: str
    tags: Sequence[str]
    snippets: Sequence[Snippet]


def build_pipeline_page(pipeline: PipelineView, origin: str) -> PipelinePage:
    """Return a pipeline's page. `origin` is the URL that its commands use."""
    definition = pipeline.definition
    properties = _get_properties(definition)
    shown = list(islice(properties.items(), MAX_PARAMETERS))
    return PipelinePage(
        id=pipeline.id,
        name=pipeline.name,
        description=definition.description.strip(),
        status=get_status_label(pipeline.status),
        revision=pipeline.revision,
        updated=format_timestamp(pipeline.updated_at),
        parallelism=definition.parallelism,
        parameters=[Parameter(name[:MAX_NAME_LENGTH], describe_parameter(name, rule, definition)) for name, rule in shown],
        hidden_parameters=len(properties) - len(shown),
        has_parameters=bool(properties),
        definition=shorten_definition(format_definition(definition)),
        tags=definition.tags,
        snippets=build_snippets(definition, origin),
    )


def describe_parameter(name: str, rule: Any, definition: PipelineDefinition) -> str:
    """Return a parameter's type or choices, its range, and its default or "required"."""
    rule = rule if isinstance(rule, Mapping) else {}
    kind = rule.get("type")
    parts = [kind if isinstance(kind, str) else "one of" if "enum" in rule else "any"]
    if isinstance(rule.get("enum"), list):
        parts = [" or ".join(shorten_json(item, 30) for item in rule["enum"][:MAX_CHOICES])]
    if "minimum" in rule or "maximum" in rule:
        parts.append(f"{rule.get('minimum', '…')} to {rule.get('maximum', '…')}")
    if "default" in rule:
        parts.append(f"default {shorten_json(rule['default'], 40)}")
    elif name in ((definition.parameters or {}).get("required") or ()):
        parts.append("required")
    return ", ".join(parts)


def build_snippets(definition: PipelineDefinition, origin: str) -> list[Snippet]:
    """Return commands that trigger the pipeline, and that report about its first external stage if it has one."""
    trigger = f"headgate trigger {definition.name} --watch\n\ncurl -fsS -X POST {origin}/trigger/{definition.name}"
    example = {name: _get_example(rule) for name, rule in islice(_get_properties(definition).items(), MAX_EXAMPLES)}
    if example:
        trigger = f"headgate trigger {definition.name} {_format_flags(example)} --watch\n\n"
        trigger += f"curl -fsS {origin}/trigger/{definition.name} \\\n  --json '{_quote({'parameters': example})}'"
    snippets = [Snippet("Trigger from a terminal", trigger)]
    if reported := find_stage_to_report(definition):
        body = {"pipeline_id": definition.name, "stage_name": reported.name, "status": "completed", "records_processed": 9}
        snippets.append(Snippet("Report from any machine", f"curl -fsS {origin}/status-update/ \\\n  --json '{_quote(body)}'"))
    return snippets


def _get_properties(definition: PipelineDefinition) -> Mapping[str, Any]:
    properties = (definition.parameters or {}).get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _format_flags(parameters: Mapping[str, Any]) -> str:
    return " ".join(f"--param {name}={shorten_json(value, 40)}" for name, value in parameters.items())


def _quote(value: Any) -> str:
    """Return JSON for use within single quotes of a shell."""
    return json.dumps(value, ensure_ascii=False).replace("'", "'\\''")


def _get_example(rule: Any) -> Any:
    """Return a value that a parameter accepts: its default, its first choice or one of its type."""
    rule = rule if isinstance(rule, Mapping) else {}
    if "default" in rule:
        return rule["default"]
    if isinstance(rule.get("enum"), list) and rule["enum"]:
        return rule["enum"][0]
    examples = {"integer": rule.get("minimum", 1), "number": rule.get("minimum", 1), "boolean": True, "array": [], "object": {}}
    return examples.get(str(rule.get("type")), "…")
