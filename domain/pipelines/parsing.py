"""Reads a definition as its author wrote it (JSON or YAML, already parsed) and says everything that is wrong with it at once."""

from collections.abc import Mapping

from domain.errors import FieldProblem, InvalidInput
from domain.pipelines.definition import (
    DEFAULT_EXTERNAL_TIMEOUT,
    DEFAULT_POOL,
    DEFAULT_TIMEOUT,
    PipelineDefinition,
    StageCondition,
    StageDefinition,
    StageKind,
)
from domain.pipelines.field_parser import ALL_STAGE_KEYS, COMMON_STAGE_KEYS, STAGE_KEYS, _Fields
from domain.pipelines.graph import find_cycle

MAX_STAGES = 500
MAX_RETRIES = 100

PIPELINE_KEYS = frozenset({"name", "description", "parallelism", "pool", "parameters", "stages", "tags"})
MAX_APPROVERS = 100


def parse_definition(raw: object) -> PipelineDefinition:
    """The definition with its defaults filled in, or InvalidInput naming every field at fault."""
    if not isinstance(raw, Mapping):
        raise InvalidInput.of("", "a definition is an object with the keys name and stages")
    fields = _Fields(raw, "")
    fields.refuse_unknown(PIPELINE_KEYS)
    name = fields.name("name")
    description = fields.text("description", "", longest=2_000)
    parallelism = fields.whole("parallelism", 16, 1, 1_000)
    pool = fields.name("pool", DEFAULT_POOL)
    parameters = fields.mapping("parameters")
    tags = fields.tags("tags")
    stages = _read_stages(fields)
    if fields.problems:
        raise InvalidInput(fields.problems)
    return PipelineDefinition(name, stages, description, parallelism, pool, parameters, tags)


def _read_stages(pipeline: "_Fields") -> tuple[StageDefinition, ...]:
    raw = pipeline.raw.get("stages")
    if not isinstance(raw, list) or not raw:
        pipeline.blame("stages", "a pipeline has at least one stage, as a list")
        return ()
    if len(raw) > MAX_STAGES:
        pipeline.blame("stages", f"a pipeline has at most {MAX_STAGES} stages")
        return ()
    stages: list[StageDefinition] = []
    for index, item in enumerate(raw):
        stage = _read_stage(item, f"stages[{index}].", previous=stages[-1].name if stages else None, problems=pipeline.problems)
        stages.append(stage)
    _check_graph(stages, pipeline)
    return tuple(stages)


def _read_stage(raw: object, path: str, previous: str | None, problems: list[FieldProblem]) -> StageDefinition:
    if not isinstance(raw, Mapping):
        problems.append(FieldProblem(path.rstrip("."), "a stage is an object with the keys name and kind"))
        return StageDefinition("", StageKind.EXTERNAL)
    fields = _Fields(raw, path, problems)
    name = fields.name("name")
    kind = fields.kind()
    fields.refuse_unknown(ALL_STAGE_KEYS)
    if kind is None:
        return StageDefinition(name, StageKind.EXTERNAL, fields.needs(previous))
    fields.refuse_foreign(COMMON_STAGE_KEYS | STAGE_KEYS[kind], kind)
    shell = fields.flag("shell")
    return StageDefinition(
        name=name,
        kind=kind,
        needs=fields.needs(previous),
        command=fields.command(shell) if kind is StageKind.COMMAND else None,
        shell=shell,
        callable=fields.callable() if kind is StageKind.PYTHON else None,
        env=fields.environment(),
        secrets=fields.secrets(),
        request=fields.request() if kind is StageKind.HTTP else None,
        workdir=fields.optional_text("workdir"),
        timeout=fields.seconds("timeout", DEFAULT_TIMEOUT if kind.runs_on_worker else DEFAULT_EXTERNAL_TIMEOUT, above_zero=True),
        retries=fields.whole("retries", 0, 0, MAX_RETRIES),
        retry_delay=fields.seconds("retry_delay", 0.0),
        retry_on_loss=fields.flag("retry_on_loss"),
        allow_failure=fields.flag("allow_failure"),
        when=fields.choice("when", StageCondition, StageCondition.COMPLETED) or StageCondition.COMPLETED,
        approvers=fields.words("approvers", MAX_APPROVERS),
        message=fields.optional_text("message"),
        fields=fields.mapping("fields"),
    )


def _check_graph(stages: list[StageDefinition], pipeline: "_Fields") -> None:
    names = [stage.name for stage in stages]
    for index, stage in enumerate(stages):
        if stage.name and stage.name in names[:index]:
            pipeline.blame(f"stages[{index}].name", f"another stage is named {stage.name} already")
        for need in stage.needs:
            if need not in names:
                pipeline.blame(f"stages[{index}].needs", f"there is no stage named {need:.100}")
    if len(set(names)) < len(names):
        return
    circle = find_cycle({stage.name: stage.needs for stage in stages})
    if circle:
        pipeline.blame("stages", "these stages need each other in a circle: " + " → ".join(circle))
