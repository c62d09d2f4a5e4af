"""Questions of pages and of the API to the store. Each is one short read; none locks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, Required, TypedDict, Unpack

from application.ports.persistence.pipelines import PipelineRef
from application.queries.views.events import EventView
from application.queries.views.history import FailureView, FirstOccurrence, PastDecision, StageTimes
from application.queries.views.logs import LogFilter, LogLineView
from application.queries.views.pipelines import BoardRow, PipelineStateVersion, PipelineView, RevisionView
from application.queries.views.runs import RunStateVersion, RunView
from application.queries.views.workers import QueueView, WorkerView
from domain.runs.status import Status


class RunListQuery(TypedDict, total=False):
    """Which page of which runs. With `below` the newest of those with a lower id; with `above` the oldest of those with a higher one.
    `skip` counts from there. `pipeline_ids` are the only pipelines they may be of; `trigger` is what opened them; `since` and `until`
    (not included) when they were opened."""

    pipeline_id: Required[int | None]
    status: Required[Status | None]
    skip: Required[int]
    limit: Required[int]
    above: int | None
    below: int | None
    pipeline_ids: Sequence[int] | None
    trigger: str | None
    since: datetime | None
    until: datetime | None


class Reader(Protocol):
    """Unavailable when the store does not answer."""

    async def pipelines(self, skip: int, limit: int, *, above: int | None = None, below: int | None = None) -> list[PipelineView]:
        """By id, each with its latest run and that run's stages. With `above` the first of those with a higher id; with `below` the last
        of those with a lower one. `skip` counts from there."""
        ...

    async def pipeline_marks(
        self, skip: int, limit: int, *, above: int | None = None, below: int | None = None
    ) -> list[PipelineStateVersion]:
        """As `pipelines`, but only how far each of them is."""
        ...

    async def get_pipelines_by_id(self, ids: Sequence[int]) -> list[PipelineView]:
        """Those of these pipelines that exist, in no order."""
        ...

    async def pipeline(self, ref: PipelineRef) -> PipelineView | None: ...

    async def pipeline_names(self, part: str, limit: int) -> list[tuple[int, str]]:
        """Id and name of the pipelines with this in their name, in any case; in name order."""
        ...

    async def revisions(self, pipeline_id: int) -> list[RevisionView]:
        """Newest first, at most 200."""
        ...

    async def board(self) -> list[BoardRow]:
        """Every pipeline in name order with its last 20 runs."""
        ...

    async def runs(self, **asked: Unpack[RunListQuery]) -> list[RunView]:
        """Newest first, with their stages."""
        ...

    async def run_marks(self, **asked: Unpack[RunListQuery]) -> list[RunStateVersion]:
        """As `runs`, but only how far each of them is."""
        ...

    async def get_runs_by_id(self, ids: Sequence[int]) -> list[RunView]:
        """Those of these runs that exist, in no order."""
        ...

    async def waiting_runs(self, limit: int) -> list[RunView]:
        """Runs with a stage whose needs are met and that waits for a person or a machine, the oldest run first."""
        ...

    async def failures(self, pipeline_id: int, runs: int) -> list[FailureView]:
        """The failures among the pipeline's last so many runs, alike ones as one, the latest seen first; when each was seen for the first
        time is exact."""
        ...

    async def first_seen(self, pipeline_id: int, stage: str, fingerprint: str) -> FirstOccurrence | None:
        """The first failure of the stage that was alike, among all of the pipeline's runs."""
        ...

    async def past_decisions(self, pipeline_id: int, stage: str, *, before: int, limit: int) -> list[PastDecision]:
        """How the approval was decided in runs before this one (its id), the latest first, among the last 100 runs before it."""
        ...

    async def run(self, run_id: int) -> RunView | None: ...

    async def events(self, run_id: int, after: int, limit: int) -> list[EventView]:
        """In order of seq, those with seq > after."""
        ...

    async def newest_events(self, run_id: int, limit: int) -> list[EventView]:
        """Newest first."""
        ...

    async def log(self, run_id: int, *, stage: str | None, attempt: int | None, after: int, limit: int) -> list[LogLineView]:
        """In order of n, those with n > after."""
        ...

    async def log_window(
        self, run_id: int, wanted: LogFilter, *, limit: int, above: int = 0, below: int | None = None, last: bool = False
    ) -> list[LogLineView]:
        """Of the wanted lines with above < n < below the first `limit` of them, or the last; always in order of n. What a search for text
        costs is bounded by the two."""
        ...

    async def workers(self, pool: str | None, within_seconds: float) -> list[WorkerView]:
        """Workers that spoke within that many seconds."""
        ...

    async def queue(self, pool: str, within_seconds: float, limit: int) -> QueueView:
        """The pool's workers that spoke within that many seconds, and its first `limit` runs that none has taken."""
        ...

    async def stage_times(self, pipeline_id: int) -> list[StageTimes]:
        """Per stage, over the completed attempts of the pipeline's last 20 runs: the median and the 95th percentile."""
        ...

    async def is_ready(self) -> bool:
        """True when the store answers and is migrated to the newest revision; never raises."""
        ...
