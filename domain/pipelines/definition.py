"""The definition of a pipeline, validated and with all defaults filled in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from domain.alerts.rule import AlertRule
from domain.concurrency.definition import ConcurrencyLimit
from domain.schedules.definition import Expectation, ScheduleDefinition

DEFAULT_POOL = "headgate"
DEFAULT_PARALLELISM = 16
DEFAULT_TIMEOUT = 3_600.0
DEFAULT_EXTERNAL_TIMEOUT = 604_800.0
QUEUE_TIMEOUT = 86_400.0
"""Seconds after which a queued stage fails if no worker starts it."""


class StageKind(StrEnum):
    """What runs a stage."""

    COMMAND = "command"
    PYTHON = "python"
    EXTERNAL = "external"
    APPROVAL = "approval"
    HTTP = "http"
    PREFECT = "prefect"

    @property
    def runs_on_worker(self) -> bool:
        return self in _ON_WORKER

    @property
    def has_retries(self) -> bool:
        """True if a failed attempt can be repeated without a person or a reporter."""
        return self.runs_on_worker or self is StageKind.PREFECT


_ON_WORKER = frozenset({StageKind.COMMAND, StageKind.PYTHON, StageKind.HTTP})


class OnCancel(StrEnum):
    """The effect of cancelling a stage on its flow run."""

    CANCEL = "cancel"
    LEAVE = "leave"


class StageCondition(StrEnum):
    """How the stages that a stage needs must end for it to run."""

    COMPLETED = "completed"
    ALWAYS = "always"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StageDefinition:
    """One stage. Durations are in seconds; `needs` names the stages that must end before it.

    `python` is the path of the interpreter or virtual environment in which a `python` stage runs; None: that of the pipeline.
    `secrets` maps environment variables to names of secrets. `request` has the keys of an `http` stage. For an approval, `approvers` are
    the people or roles that may decide (everyone with the permission to operate if empty), `message` is the question, and `fields` is a
    JSON Schema of further values, which later stages get as parameters; with `hold`, the run keeps its slots while it waits for the
    decision. `uses` names the groups of which the stage holds a slot each while it runs. `deployment` is the Prefect deployment of a stage
    of kind `prefect`, as FLOW/NAME; in its `parameters`, `{parameter: NAME}` stands for a parameter of the run.
    """

    name: str
    kind: StageKind
    needs: tuple[str, ...] = ()
    command: tuple[str, ...] | str | None = None
    shell: bool = False
    callable: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    workdir: str | None = None
    timeout: float = DEFAULT_TIMEOUT
    retries: int = 0
    retry_delay: float = 0.0
    retry_on_loss: bool = False
    allow_failure: bool = False
    when: StageCondition = StageCondition.COMPLETED
    approvers: tuple[str, ...] = ()
    message: str | None = None
    fields: Mapping[str, Any] | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    request: Mapping[str, Any] | None = None
    uses: tuple[str, ...] = ()
    hold: bool = False
    deployment: str | None = None
    parameters: Mapping[str, Any] | None = None
    on_cancel: OnCancel = OnCancel.CANCEL
    python: str | None = None


@dataclass(frozen=True, slots=True)
class PipelineDefinition:
    """The content of one revision. `stages` and `tags` are in the author's order; the graph of `needs` has no cycle.

    `env` are environment variables of all stages of kind `command` and `python`. A stage's own `env` overrides them.
    `python` is the interpreter or virtual environment of its `python` stages that name none; None: the worker's own.
    `expect` is for pipelines whose stages are all external; the others may have `schedules`. `concurrency` limits the runs that are open at
    once; waiting runs start in the order of `priority`, then of age. `alerts` are its rules besides those for all pipelines.
    """

    name: str
    stages: tuple[StageDefinition, ...]
    description: str = ""
    parallelism: int = DEFAULT_PARALLELISM
    pool: str = DEFAULT_POOL
    parameters: Mapping[str, Any] | None = None
    tags: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    schedules: tuple[ScheduleDefinition, ...] = ()
    expect: tuple[Expectation, ...] = ()
    concurrency: tuple[ConcurrencyLimit, ...] = ()
    priority: int = 0
    alerts: tuple[AlertRule, ...] = ()
    python: str | None = None

    def stage(self, name: str) -> StageDefinition | None:
        return next((stage for stage in self.stages if stage.name == name), None)

    @property
    def is_all_external(self) -> bool:
        """True if all stages run on other machines. A report can start a run of such a pipeline."""
        return all(stage.kind is StageKind.EXTERNAL for stage in self.stages)
