"""A pipeline's definition: what its author wrote, checked and with every default filled in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

DEFAULT_POOL = "headgate"
DEFAULT_TIMEOUT = 3_600.0
DEFAULT_EXTERNAL_TIMEOUT = 604_800.0
QUEUE_TIMEOUT = 86_400.0
"""Seconds a stage may stay queued with no worker taking it."""


class StageKind(StrEnum):
    """How a stage's work is done."""

    COMMAND = "command"
    PYTHON = "python"
    EXTERNAL = "external"
    APPROVAL = "approval"
    HTTP = "http"

    @property
    def runs_on_worker(self) -> bool:
        return self is not StageKind.EXTERNAL and self is not StageKind.APPROVAL


class StageCondition(StrEnum):
    """Under which ends of its needs a stage runs."""

    COMPLETED = "completed"
    ALWAYS = "always"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StageDefinition:
    """One stage. Durations are seconds; `needs` names the stages before it, already resolved.

    Of an approval: `approvers` are the people or roles who may decide (anybody who may operate when empty), `message` is the question,
    `fields` a JSON Schema of what an approval says besides, which the stages after it get as parameters.
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
    """Variables of its environment, each with the name of the secret the worker puts there."""
    request: Mapping[str, Any] | None = None
    """Of a stage of kind `http`: its keys, with their defaults."""


@dataclass(frozen=True, slots=True)
class PipelineDefinition:
    """One revision's content. `stages` stand in the author's order; the graph by `needs` has no cycle."""

    name: str
    stages: tuple[StageDefinition, ...]
    description: str = ""
    parallelism: int = 16
    pool: str = DEFAULT_POOL
    parameters: Mapping[str, Any] | None = None
    tags: tuple[str, ...] = ()
    """Short words to find it by, in the author's order."""

    def stage(self, name: str) -> StageDefinition | None:
        return next((stage for stage in self.stages if stage.name == name), None)

    @property
    def is_all_external(self) -> bool:
        """True when nothing of it runs on a worker: such a pipeline may be opened by a report."""
        return all(stage.kind is StageKind.EXTERNAL for stage in self.stages)
