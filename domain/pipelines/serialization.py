"""Serialize definitions with all defaults: the form that is stored, displayed and sent to workers."""

from typing import Any

from domain.alerts.serialization import serialize_rule
from domain.concurrency.serialization import serialize_limit
from domain.pipelines.definition import PipelineDefinition, StageDefinition, StageKind
from domain.schedules.serialization import serialize_expectation, serialize_schedule


def serialize_stage(stage: StageDefinition) -> dict[str, Any]:
    """Return the stage's keys, without those that its kind does not have."""
    written: dict[str, Any] = {"name": stage.name, "kind": stage.kind.value, "needs": list(stage.needs)}
    if stage.kind is StageKind.COMMAND:
        written["command"] = stage.command if isinstance(stage.command, str) else list(stage.command or ())
        written["shell"] = stage.shell
    if stage.kind is StageKind.PYTHON:
        written |= {"callable": stage.callable, "python": stage.python}
    if stage.kind is StageKind.APPROVAL:
        written |= {
            "approvers": list(stage.approvers),
            "message": stage.message,
            "fields": dict(stage.fields) if stage.fields is not None else None,
            "hold": stage.hold,
        }
    if stage.kind in (StageKind.COMMAND, StageKind.PYTHON):
        written |= {"env": dict(stage.env), "secrets": dict(stage.secrets), "workdir": stage.workdir}
    if stage.kind is StageKind.HTTP:
        written |= dict(stage.request or {})
    if stage.kind is StageKind.PREFECT:
        written |= {"deployment": stage.deployment, "parameters": dict(stage.parameters or {}), "on_cancel": stage.on_cancel.value}
    if stage.kind.has_retries:
        written |= {"retries": stage.retries, "retry_delay": stage.retry_delay, "retry_on_loss": stage.retry_on_loss}
        written["uses"] = list(stage.uses)
    return written | {"timeout": stage.timeout, "allow_failure": stage.allow_failure, "when": stage.when.value}


def serialize_stage_to_run(definition: PipelineDefinition, stage: StageDefinition) -> dict[str, Any]:
    """Return the stage's keys as a worker needs them: with the `env` and `python` of the pipeline."""
    written = serialize_stage(stage)
    if "env" in written:
        written["env"] = {**definition.env, **stage.env}
    if "python" in written:
        written["python"] = stage.python or definition.python
    return written


def serialize_pipeline(definition: PipelineDefinition) -> dict[str, Any]:
    """Return the whole definition. `parse_definition` returns an equal one."""
    return {
        "name": definition.name,
        "description": definition.description,
        "tags": list(definition.tags),
        "parallelism": definition.parallelism,
        "concurrency": [serialize_limit(limit) for limit in definition.concurrency],
        "priority": definition.priority,
        "pool": definition.pool,
        "parameters": dict(definition.parameters) if definition.parameters is not None else None,
        "env": dict(definition.env),
        "python": definition.python,
        "stages": [serialize_stage(stage) for stage in definition.stages],
        "schedules": [serialize_schedule(schedule) for schedule in definition.schedules],
        "expect": [serialize_expectation(expectation) for expectation in definition.expect],
        "alerts": [serialize_rule(rule) for rule in definition.alerts],
    }
