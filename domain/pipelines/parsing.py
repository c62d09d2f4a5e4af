"""Parse pipeline definitions, from decoded JSON or YAML."""

from collections.abc import Mapping

from domain.alerts.parsing import parse_alerts
from domain.concurrency.parsing import check_uses, parse_concurrency, parse_uses
from domain.errors import FieldProblem, InvalidInput
from domain.name_lists import format_path
from domain.pipelines.definition import (
    DEFAULT_EXTERNAL_TIMEOUT,
    DEFAULT_PARALLELISM,
    DEFAULT_POOL,
    DEFAULT_TIMEOUT,
    OnCancel,
    PipelineDefinition,
    StageCondition,
    StageDefinition,
    StageKind,
)
from domain.pipelines.field_parser import ALL_STAGE_KEYS, COMMON_STAGE_KEYS, STAGE_KEYS, FieldParser
from domain.pipelines.graph import find_cycle
from domain.schedules.parsing import parse_expectations, parse_schedules

MAX_STAGES = 500
MAX_RETRIES = 100
MAX_APPROVERS = 100
MAX_PRIORITY = 100
PIPELINE_KEYS = frozenset(
    {"name", "description", "parallelism", "pool", "parameters", "stages", "tags", "env", "python"}
    | {"schedules", "expect", "concurrency", "priority", "alerts"}
)


def parse_definition(raw: object) -> PipelineDefinition:
    """Return the definition with all defaults filled in. Raises InvalidInput with every invalid field."""
    if not isinstance(raw, Mapping):
        raise InvalidInput.for_field("", "a definition must be an object with the keys name and stages")
    fields = FieldParser(raw, "")
    fields.reject_unknown_keys(PIPELINE_KEYS)
    name = fields.parse_name("name")
    description = fields.parse_text("description", "", max_length=2_000)
    parallelism = fields.parse_integer("parallelism", DEFAULT_PARALLELISM, 1, 1_000)
    pool = fields.parse_name("pool", DEFAULT_POOL)
    parameters = fields.parse_object("parameters")
    tags = fields.parse_tags("tags")
    env = fields.parse_environment()
    python = fields.parse_python()
    stages = _parse_stages(fields)
    is_all_external = None if fields.has_problem_in("stages") else all(stage.kind is StageKind.EXTERNAL for stage in stages)
    schedules = parse_schedules(fields, is_all_external)
    expect = parse_expectations(fields, is_all_external)
    concurrency = parse_concurrency(fields)
    check_uses(fields, concurrency, stages)
    priority = fields.parse_integer("priority", 0, -MAX_PRIORITY, MAX_PRIORITY)
    alerts = parse_alerts(fields)
    if fields.problems:
        raise InvalidInput(fields.problems)
    start = name, stages, description, parallelism, pool, parameters, tags, env
    return PipelineDefinition(*start, schedules, expect, concurrency, priority, alerts, python)


def _parse_stages(pipeline: FieldParser) -> tuple[StageDefinition, ...]:
    raw = pipeline.raw.get("stages")
    if not isinstance(raw, list) or not raw:
        pipeline.add_problem("stages", "must be a list of at least one stage")
        return ()
    if len(raw) > MAX_STAGES:
        pipeline.add_problem("stages", f"must be a list of at most {MAX_STAGES} stages")
        return ()
    stages: list[StageDefinition] = []
    for index, item in enumerate(raw):
        stage = _parse_stage(item, f"stages[{index}].", previous=stages[-1].name if stages else None, problems=pipeline.problems)
        stages.append(stage)
    _check_graph(stages, pipeline)
    return tuple(stages)


def _parse_stage(raw: object, path: str, previous: str | None, problems: list[FieldProblem]) -> StageDefinition:
    if not isinstance(raw, Mapping):
        FieldParser({}, "", problems).add_problem(path.rstrip("."), "a stage must be an object with the keys name and kind")
        return StageDefinition("", StageKind.EXTERNAL)
    fields = FieldParser(raw, path, problems)
    name = fields.parse_name("name")
    kind = fields.parse_kind()
    fields.reject_unknown_keys(ALL_STAGE_KEYS)
    if kind is None:
        return StageDefinition(name, StageKind.EXTERNAL, fields.parse_needs(previous))
    fields.reject_keys_of_other_kinds(COMMON_STAGE_KEYS | STAGE_KEYS[kind], kind)
    shell = fields.parse_flag("shell")
    return StageDefinition(
        name=name,
        kind=kind,
        needs=fields.parse_needs(previous),
        command=fields.parse_command(shell) if kind is StageKind.COMMAND else None,
        shell=shell,
        callable=fields.parse_callable() if kind is StageKind.PYTHON else None,
        python=fields.parse_python() if kind is StageKind.PYTHON else None,
        env=fields.parse_environment(),
        secrets=fields.parse_secrets(),
        request=fields.parse_request() if kind is StageKind.HTTP else None,
        workdir=fields.parse_optional_text("workdir"),
        timeout=fields.parse_duration("timeout", DEFAULT_TIMEOUT if kind.has_retries else DEFAULT_EXTERNAL_TIMEOUT, above_zero=True),
        retries=fields.parse_integer("retries", 0, 0, MAX_RETRIES),
        retry_delay=fields.parse_duration("retry_delay", 0.0),
        retry_on_loss=fields.parse_flag("retry_on_loss"),
        allow_failure=fields.parse_flag("allow_failure"),
        when=fields.parse_choice("when", StageCondition, StageCondition.COMPLETED) or StageCondition.COMPLETED,
        approvers=fields.parse_names("approvers", MAX_APPROVERS),
        message=fields.parse_optional_text("message"),
        fields=fields.parse_object("fields"),
        uses=parse_uses(fields),
        hold=fields.parse_flag("hold"),
        deployment=fields.parse_deployment() if kind is StageKind.PREFECT else None,
        parameters=(fields.parse_object("parameters") or {}) if kind is StageKind.PREFECT else None,
        on_cancel=fields.parse_choice("on_cancel", OnCancel, OnCancel.CANCEL) or OnCancel.CANCEL,
    )


def _check_graph(stages: list[StageDefinition], pipeline: FieldParser) -> None:
    names = [stage.name for stage in stages]
    known, before = set(names), set[str]()
    for index, stage in enumerate(stages):
        if stage.name and stage.name in before:
            pipeline.add_problem(f"stages[{index}].name", f"another stage has the name {stage.name}")
        before.add(stage.name)
        for need in stage.needs:
            if need not in known:
                pipeline.add_problem(f"stages[{index}].needs", f"there is no stage named {need:.100}")
    if len(known) < len(names):
        return
    cycle = find_cycle({stage.name: stage.needs for stage in stages})
    if cycle:
        pipeline.add_problem("stages", f"these stages need each other in a cycle: {format_path(cycle)}")
