"""The static parts of a pipeline's page."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from application.queries.views.pipelines import PipelineView
from domain.pipelines.definition import PipelineDefinition
from entrypoints.parameters.descriptions import list_parameters
from entrypoints.parameters.field_schema import FieldSchema, list_properties, list_property_names
from entrypoints.parameters.text_values import format_text
from entrypoints.web.view_models.formatting import Sentence, StatusLabel, Timestamp, format_timestamp, get_status_label
from entrypoints.web.view_models.pipelines.definition_text import shorten_definition
from entrypoints.web.view_models.pipelines.limits import describe_limits
from entrypoints.web.view_models.report_commands import find_stage_to_report

MAX_PARAMETERS = 100
MAX_NAME_LENGTH = 200
MAX_TEXT_LENGTH = 500
MAX_EXAMPLES = 20
"""Parameters in a command to copy."""
MAX_EXAMPLE_LENGTH = 1_000
"""Characters of an example. Parameters with a longer one are left out of commands."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter with its type, limits and default in words, and the title and description of its schema."""

    name: str
    description: str
    text: str


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
    limits: Sequence[Sentence]
    parameters: Sequence[Parameter]
    hidden_parameters: int
    has_parameters: bool
    definition: str
    tags: Sequence[str]
    snippets: Sequence[Snippet]


def build_pipeline_page(pipeline: PipelineView, text: str, origin: str, command: str = "headgate") -> PipelinePage:
    """Return a pipeline's page. `text` is that of its newest revision.

    `origin` is the URL that its `curl` lines use, `command` the name of the `headgate` command.
    """
    definition = pipeline.definition
    names = list_property_names(definition.parameters)
    shown = list_parameters(definition.parameters, MAX_PARAMETERS)
    return PipelinePage(
        id=pipeline.id,
        name=pipeline.name,
        description=definition.description.strip(),
        status=get_status_label(pipeline.status),
        revision=pipeline.revision,
        updated=format_timestamp(pipeline.updated_at),
        parallelism=definition.parallelism,
        limits=describe_limits(definition),
        parameters=[Parameter(name[:MAX_NAME_LENGTH], kind, text[:MAX_TEXT_LENGTH]) for name, kind, text in shown],
        hidden_parameters=len(names) - len(shown),
        has_parameters=bool(names),
        definition=shorten_definition(text),
        tags=definition.tags,
        snippets=build_snippets(definition, origin, command),
    )


def build_snippets(definition: PipelineDefinition, origin: str, command: str = "headgate") -> list[Snippet]:
    """Return commands that trigger the pipeline, and that report about its first external stage if it has one."""
    trigger = f"{command} trigger {definition.name} --watch\n\ncurl -fsS -X POST {origin}/trigger/{definition.name}"
    properties = list_properties(definition.parameters, MAX_EXAMPLES)
    example = {name: _get_example(schema) for name, schema in properties.items()}
    example = {name: value for name, value in example.items() if len(name) + len(_quote(value)) <= MAX_EXAMPLE_LENGTH}
    if example:
        flags = " ".join(f"--param {shlex.quote(f'{name}={format_text(value, properties[name])}')}" for name, value in example.items())
        trigger = f"{command} trigger {definition.name} {flags} --watch\n\n"
        trigger += f"curl -fsS {origin}/trigger/{definition.name} \\\n  --json '{_quote({'parameters': example})}'"
    snippets = [Snippet("Trigger from a terminal", trigger)]
    if reported := find_stage_to_report(definition):
        body = {"pipeline_id": definition.name, "stage_name": reported.name, "status": "completed", "records_processed": 9}
        snippets.append(Snippet("Report from any machine", f"curl -fsS {origin}/status-update/ \\\n  --json '{_quote(body)}'"))
    return snippets


def _quote(value: Any) -> str:
    """Return JSON for use within single quotes of a shell."""
    return json.dumps(value, ensure_ascii=False).replace("'", "'\\''")


def _get_example(schema: FieldSchema) -> Any:
    """Return a value that a parameter accepts: its default, its first example or choice, or one of its type."""
    if schema.has_default:
        return schema.rule["default"]
    if schema.choices:
        return schema.choices[0].value
    if examples := schema.rule.get("examples"):
        return examples[0]
    number = schema.rule.get("minimum", 1)
    by_type = {"string": "…", "integer": number, "number": number, "boolean": True, "array": [], "object": {}}
    return next((value for kind, value in by_type.items() if kind in schema.types), "…")
