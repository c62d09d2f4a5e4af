"""Read models of pipelines and their revisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.queries.views.runs import RunBar, RunView
from domain.pipelines.activation import ACTIVE, Activation
from domain.pipelines.applied_file import AppliedFile
from domain.pipelines.definition import PipelineDefinition
from domain.runs.status import Status


@dataclass(frozen=True, slots=True)
class PipelineStateVersion:
    """Changes whenever something that a page shows of the pipeline changes. `latest_run` and `last_seq` are 0 before the first run."""

    id: int
    revision: int
    latest_run: int
    last_seq: int
    activation_changes: int = 0


@dataclass(frozen=True, slots=True)
class PipelineView:
    """A pipeline with its newest revision and its latest run, if any."""

    id: int
    revision: int
    definition: PipelineDefinition
    created_at: datetime
    updated_at: datetime
    latest: RunView | None = None
    activation: Activation = ACTIVE

    @property
    def paused_at(self) -> datetime | None:
        return self.activation.paused_at

    @property
    def archived_at(self) -> datetime | None:
        return self.activation.archived_at

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def status(self) -> Status:
        return self.latest.status if self.latest else Status.PENDING


@dataclass(frozen=True, slots=True)
class AppliedFileView:
    """The file that a pipeline was applied from. `changed_at` and `changed_by` are of its newest revision, if that is a later one."""

    pipeline_id: int
    pipeline: str
    applied: AppliedFile
    revision: int
    changed_at: datetime | None = None
    changed_by: str | None = None
    is_archived: bool = False

    @property
    def has_drifted(self) -> bool:
        """True if the pipeline was changed since the file was applied."""
        return self.revision != self.applied.revision


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A row of the board. `bars` are the last 20 runs, oldest first.

    `next_run_at` is when the first of its schedules fires that is not paused.
    """

    pipeline: PipelineView
    bars: Sequence[RunBar] = ()
    next_run_at: datetime | None = None
    paused_schedules: int = 0


@dataclass(frozen=True, slots=True)
class RevisionView:
    """One revision of a pipeline. `created_by` is None if its author is not known; `restored_from` is the revision that it repeats."""

    revision: int
    definition: PipelineDefinition
    created_at: datetime
    created_by: str | None = None
    restored_from: int | None = None


@dataclass(frozen=True, slots=True)
class RevisionWithSource(RevisionView):
    """One revision with its text as its author wrote it, which lists do not load. None if it was made from values."""

    source: str | None = None
