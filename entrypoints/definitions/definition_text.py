"""Definitions as YAML, without the keys that have their default."""

from collections.abc import Mapping
from typing import Any

import yaml

from application.queries.views.pipelines import RevisionWithSource
from domain.concurrency.definition import WhenFull
from domain.pipelines.definition import (
    DEFAULT_EXTERNAL_TIMEOUT,
    DEFAULT_PARALLELISM,
    DEFAULT_POOL,
    DEFAULT_TIMEOUT,
    OnCancel,
    PipelineDefinition,
    StageDefinition,
)
from domain.pipelines.durations import format_duration
from domain.pipelines.http_request import DEFAULT_EXPECTED, DEFAULT_MAX_BYTES
from domain.pipelines.serialization import serialize_pipeline
from domain.schedules.definition import DEFAULT_CATCH_UP_WINDOW, DEFAULT_GRACE, DEFAULT_ZONE, CatchUpPolicy, OverlapPolicy

_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The one in C is ten times faster; an installation without libyaml lacks it."""
_STAGE_DEFAULTS: Mapping[str, Any] = {
    "shell": False,
    "env": {},
    "secrets": {},
    "approvers": [],
    "message": None,
    "fields": None,
    "method": "GET",
    "query": {},
    "headers": {},
    "body": None,
    "expected": list(DEFAULT_EXPECTED),
    "max_bytes": DEFAULT_MAX_BYTES,
    "python": None,
    "workdir": None,
    "retries": 0,
    "retry_delay": 0.0,
    "retry_on_loss": False,
    "uses": [],
    "hold": False,
    "allow_failure": False,
    "when": "completed",
    "timeout": None,
    "parameters": {},
    "on_cancel": OnCancel.CANCEL,
}
_LIMIT_DEFAULTS: Mapping[str, Any] = {"limit": None, "when_full": WhenFull.QUEUE}
_RULE_DEFAULTS: Mapping[str, Any] = {"name": None, "after": 1, "remind": None, "recovery": True, "quiet": None}
_SCHEDULE_DEFAULTS: Mapping[str, Any] = {
    "offset": 0.0,
    "timezone": DEFAULT_ZONE,
    "start": None,
    "end": None,
    "skip": [],
    "jitter": 0.0,
    "parameters": {},
    "catch_up": CatchUpPolicy.LATEST,
    "catch_up_window": DEFAULT_CATCH_UP_WINDOW,
    "overlap": OverlapPolicy.SKIP,
    "grace": DEFAULT_GRACE,
    "max_duration": None,
}


def format_definition(definition: PipelineDefinition) -> str:
    """Return a definition as YAML, without the keys that have their default."""
    serialized = serialize_pipeline(definition)
    previous: str | None = None
    stages = []
    for stage, raw in zip(definition.stages, serialized["stages"], strict=True):
        stages.append(_remove_defaults(stage, raw, previous))
        previous = stage.name
    text: dict[str, Any] = {"name": serialized["name"]}
    text |= {key: serialized[key] for key in ("description", "tags", "parameters", "env", "python") if serialized[key]}
    if definition.parallelism != DEFAULT_PARALLELISM:
        text["parallelism"] = serialized["parallelism"]
    if serialized["concurrency"]:
        text["concurrency"] = [_remove_limit_defaults(item) for item in serialized["concurrency"]]
    if definition.priority:
        text["priority"] = definition.priority
    if definition.pool != DEFAULT_POOL:
        text["pool"] = serialized["pool"]
    text["stages"] = stages
    text |= {key: [_remove_schedule_defaults(item) for item in serialized[key]] for key in ("schedules", "expect") if serialized[key]}
    if serialized["alerts"]:
        text["alerts"] = [_remove_rule_defaults(item) for item in serialized["alerts"]]
    formatted = yaml.dump(text, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)
    return str(formatted)


def get_revision_text(revision: RevisionWithSource) -> str:
    """Return the text of a revision as its author wrote it; without one, its definition as YAML."""
    return revision.source if revision.source is not None else format_definition(revision.definition)


def _remove_defaults(stage: StageDefinition, raw: Mapping[str, Any], previous: str | None) -> dict[str, Any]:
    """Return a stage's keys without defaults, and whole seconds as integers. By default, a stage needs the `previous` one."""
    timeout = DEFAULT_TIMEOUT if stage.kind.has_retries else DEFAULT_EXTERNAL_TIMEOUT
    defaults = {**_STAGE_DEFAULTS, "timeout": timeout, "needs": [previous] if previous else []}
    changed = {key: value for key, value in raw.items() if key not in defaults or value != defaults[key]}
    return {key: int(value) if isinstance(value, float) and value.is_integer() else value for key, value in changed.items()}


def _remove_schedule_defaults(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a schedule or an expectation without defaults, and with durations as text."""
    changed = {key: value for key, value in raw.items() if key not in _SCHEDULE_DEFAULTS or value != _SCHEDULE_DEFAULTS[key]}
    return {key: format_duration(value) if isinstance(value, float) else value for key, value in changed.items()}


def _remove_limit_defaults(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in raw.items() if key not in _LIMIT_DEFAULTS or value != _LIMIT_DEFAULTS[key]}


def _remove_rule_defaults(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of an alert rule without defaults, with targets and durations as short as they can be written."""
    changed = {key: value for key, value in raw.items() if key not in _RULE_DEFAULTS or value != _RULE_DEFAULTS[key]}
    changed["to"] = [_shorten_target(target) for target in raw["to"]]
    if "remind" in changed:
        changed["remind"] = format_duration(raw["remind"])
    if "quiet" in changed:
        changed["quiet"] = {key: value for key, value in raw["quiet"].items() if value}
    return changed


def _shorten_target(target: Mapping[str, Any]) -> str | dict[str, Any]:
    if not target["after"]:
        return str(target["channel"])
    return {"channel": target["channel"], "after": format_duration(target["after"])}
