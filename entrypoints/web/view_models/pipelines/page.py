"""A pipeline's own page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from application.queries.views.pipelines import PipelineView
from domain.pipelines.definition import DEFAULT_POOL, PipelineDefinition, StageDefinition
from domain.pipelines.serialization import serialize_pipeline
from entrypoints.web.view_models.formatting import StatusLabel, Timestamp, format_timestamp, get_status_label, shorten_json

_STAGE_DEFAULTS: Mapping[str, Any] = {
    "shell": False,
    "env": {},
    "workdir": None,
    "retries": 0,
    "retry_delay": 0.0,
    "retry_on_loss": False,
    "allow_failure": False,
    "when": "completed",
    "timeout": None,
}


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    words: str


@dataclass(frozen=True, slots=True)
class Snippet:
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class PipelinePage:
    id: int
    name: str
    description: str
    status: StatusLabel
    revision: int
    updated: Timestamp | None
    parallelism: int
    parameters: Sequence[Parameter]
    asks_parameters: bool
    definition: str
    tags: Sequence[str]
    snippets: Sequence[Snippet]


def build_pipeline_page(pipeline: PipelineView, origin: str) -> PipelinePage:
    definition = pipeline.definition
    return PipelinePage(
        id=pipeline.id,
        name=pipeline.name,
        description=definition.description.strip(),
        status=get_status_label(pipeline.status),
        revision=pipeline.revision,
        updated=format_timestamp(pipeline.updated_at),
        parallelism=definition.parallelism,
        parameters=[Parameter(name, describe_parameter(name, rule, definition)) for name, rule in _properties(definition).items()],
        asks_parameters=bool(_properties(definition)),
        definition=format_definition(definition),
        tags=definition.tags,
        snippets=build_snippets(definition, origin),
    )


def _properties(definition: PipelineDefinition) -> Mapping[str, Any]:
    found = (definition.parameters or {}).get("properties")
    return found if isinstance(found, Mapping) else {}


def describe_parameter(name: str, rule: Any, definition: PipelineDefinition) -> str:
    rule = rule if isinstance(rule, Mapping) else {}
    kind = rule.get("type")
    parts = [kind if isinstance(kind, str) else "one of" if "enum" in rule else "any"]
    if isinstance(rule.get("enum"), list):
        parts = [" or ".join(shorten_json(item, 30) for item in rule["enum"][:8])]
    if "minimum" in rule or "maximum" in rule:
        parts.append(f"{rule.get('minimum', '…')} to {rule.get('maximum', '…')}")
    if "default" in rule:
        parts.append(f"{shorten_json(rule['default'], 40)} if left out")
    elif name in ((definition.parameters or {}).get("required") or ()):
        parts.append("needed")
    return ", ".join(parts)


def format_definition(definition: PipelineDefinition) -> str:
    """YAML as its author might have written it: what is as by default is left out."""
    written = serialize_pipeline(definition)
    previous: str | None = None
    stages = []
    for stage, raw in zip(definition.stages, written["stages"], strict=True):
        stages.append(_trimmed(stage, raw, previous))
        previous = stage.name
    kept = {"name": written["name"]}
    kept |= {key: written[key] for key in ("description", "tags", "parameters") if written[key]}
    kept |= {"parallelism": written["parallelism"]} if definition.parallelism != 16 else {}
    kept |= {"pool": written["pool"]} if definition.pool != DEFAULT_POOL else {}
    return yaml.safe_dump(kept | {"stages": stages}, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)


def _trimmed(stage: StageDefinition, raw: Mapping[str, Any], previous: str | None) -> dict[str, Any]:
    usual_timeout = 3_600.0 if stage.kind.runs_on_worker else 604_800.0
    defaults = {**_STAGE_DEFAULTS, "timeout": usual_timeout, "needs": [previous] if previous else []}
    kept = {key: value for key, value in raw.items() if key not in defaults or value != defaults[key]}
    return {key: int(value) if isinstance(value, float) and value.is_integer() else value for key, value in kept.items()}


def build_snippets(definition: PipelineDefinition, origin: str) -> list[Snippet]:
    trigger = f"headgate trigger {definition.name} --watch\n\ncurl -fsS -X POST {origin}/trigger/{definition.name}"
    example = {name: _example(rule) for name, rule in _properties(definition).items()}
    if example:
        trigger = f"headgate trigger {definition.name} {_flags(example)} --watch\n\ncurl -fsS {origin}/trigger/{definition.name} \\\n"
        trigger += f"  --json '{_quoted({'parameters': example})}'"
    reported = next((stage for stage in definition.stages if not stage.kind.runs_on_worker), None)
    body = {"pipeline_id": definition.name, "stage_name": (reported or definition.stages[0]).name, "status": "completed"}
    report = f"curl -fsS {origin}/status-update/ \\\n  --json '{_quoted({**body, 'records_processed': 9})}'"
    found = [Snippet("Trigger from a terminal", trigger)]
    return [*found, Snippet("Report from any machine", report)] if reported else found


def _flags(example: Mapping[str, Any]) -> str:
    return " ".join(f"--param {name}={shorten_json(value, 40)}" for name, value in example.items())


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("'", "'\\''")


def _example(rule: Any) -> Any:
    rule = rule if isinstance(rule, Mapping) else {}
    if "default" in rule:
        return rule["default"]
    if isinstance(rule.get("enum"), list) and rule["enum"]:
        return rule["enum"][0]
    plain = {"integer": rule.get("minimum", 1), "number": rule.get("minimum", 1), "boolean": True, "array": [], "object": {}}
    return plain.get(str(rule.get("type")), "…")
