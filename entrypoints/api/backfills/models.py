"""Backfills as the API takes and returns them."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from application.commands.backfills.preview_backfill import BackfillPreview
from application.queries.views.backfills import BackfillTickView, BackfillView
from domain.backfills.plan import MAX_PARALLEL, BackfillOrder, BackfillPlan, ExistingPolicy
from domain.backfills.request import BackfillRequest
from entrypoints.api.shared.models import PipelineRefField, RequestModel, ResponseModel, with_example
from entrypoints.http.base_path import link

Order = Literal["oldest", "newest"]
Existing = Literal["skip", "failed", "all"]
Moment = Annotated[str, Field(min_length=1, max_length=40)]
_PLAN_EXAMPLE = {
    "pipeline_id": 1,
    "pipeline": "flights",
    "schedule": "nightly",
    "cron": None,
    "timezone": "Europe/Berlin",
    "from": "2026-01-01T00:00:00Z",
    "to": "2026-06-30T21:59:59.999999Z",
    "order": "oldest",
    "parallel": 4,
    "existing": "skip",
}


class NewBackfillRequest(RequestModel):
    """A backfill to start: ticks of a schedule of the pipeline, or of a cron expression, between two times."""

    model_config = with_example(
        {"pipeline": "flights", "schedule": "nightly", "from": "2026-01-01", "to": "2026-06-30", "parallel": 4, "dry_run": True}
    )

    pipeline: PipelineRefField = Field(description="The pipeline's id or name.")
    schedule: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        None, description="The schedule's name. Without it and `cron`, the pipeline's only schedule is used."
    )
    cron: Annotated[str, Field(min_length=1, max_length=1_000)] | None = Field(None, description="Five fields, in place of `schedule`.")
    timezone: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(None, description="The zone of `cron`; UTC by default.")
    since: Moment = Field(alias="from", description="The first date, or date and time, in the zone of the schedule.")
    until: Moment = Field(alias="to", description="The last date, or date and time, inclusive. Ticks later than now are ignored.")
    order: Order = Field("oldest", description="Which ticks run first.")
    parallel: Annotated[int, Field(ge=1, le=MAX_PARALLEL)] = Field(1, description="Maximum number of its unfinished runs.")
    existing: Existing = Field(
        "skip",
        description="Ticks with a run are skipped (`skip`), run again if their newest run did not complete (`failed`), or all run again.",
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        description="They replace the schedule's parameters key by key, and can refer to the tick in the same way.",
    )
    dry_run: bool = Field(False, description="Only count the ticks, and store nothing.")

    def to_request(self) -> BackfillRequest:
        """Return the domain's request."""
        return BackfillRequest(
            self.since,
            self.until,
            self.schedule,
            self.cron,
            self.timezone,
            BackfillOrder(self.order),
            self.parallel,
            ExistingPolicy(self.existing),
            self.parameters,
        )


class CancelBackfillRequest(RequestModel):
    """Whether to cancel the unfinished runs, too."""

    model_config = with_example({"cancel_runs": True})

    cancel_runs: bool = Field(False, description="Also cancel the unfinished runs. By default they continue.")


class BackfillPlanResponse(ResponseModel):
    """The part that a backfill and its preview share. Times are in UTC and inclusive."""

    pipeline_id: int
    pipeline: str
    schedule: str | None
    cron: str | None
    timezone: str
    since: datetime = Field(alias="from")
    until: datetime = Field(alias="to")
    order: Order
    parallel: int
    existing: Existing


class BackfillPreviewResponse(BackfillPlanResponse):
    """What a backfill would run."""

    model_config = with_example(
        {
            **_PLAN_EXAMPLE,
            "ticks": 178,
            "skipped": 3,
            "first": "2026-01-01T01:30:00Z",
            "last": "2026-06-30T00:30:00Z",
            "estimated_seconds": 5_535.0,
        }
    )

    ticks: int = Field(description="The number of ticks that would run.")
    skipped: int = Field(description="The number of ticks that are skipped because they have runs.")
    first: datetime | None
    last: datetime | None
    estimated_seconds: float | None = Field(
        description="About how long it takes at the median duration of the last 20 completed runs; null if there are none."
    )

    @classmethod
    def from_preview(cls, preview: BackfillPreview) -> Self:
        """Build the response of a preview."""
        return cls(
            **_build_plan(preview.pipeline_id, preview.pipeline, preview.plan),
            ticks=preview.ticks,
            skipped=preview.existing,
            first=preview.first,
            last=preview.last,
            estimated_seconds=preview.seconds,
        )


class ProgressResponse(ResponseModel):
    """How many ticks are in each state."""

    pending: int
    running: int
    completed: int
    failed: int
    cancelled: int
    skipped: int


class BackfillResponse(BackfillPlanResponse):
    """A backfill and its progress."""

    model_config = with_example(
        {
            "id": 3,
            **_PLAN_EXAMPLE,
            "parameters": {"region": "eu"},
            "state": "running",
            "message": None,
            "total": 178,
            "ticks": {"pending": 120, "running": 4, "completed": 53, "failed": 1, "cancelled": 0, "skipped": 0},
            "created_at": "2026-11-29T14:00:00Z",
            "created_by": "ada",
            "paused_at": None,
            "paused_by": None,
            "cancelled_at": None,
            "cancelled_by": None,
            "finished_at": None,
            "links": {
                "self": "/backfills/3",
                "ticks": "/backfills/3/ticks",
                "pause": "/backfills/3/pause",
                "resume": "/backfills/3/resume",
                "cancel": "/backfills/3/cancel",
                "pipeline": "/pipelines/1",
                "page": "/ui/backfills/3",
            },
        }
    )

    id: int
    parameters: dict[str, Any]
    state: Literal["running", "paused", "completed", "cancelled"]
    message: str | None = Field(description="Why it is waiting, such as for disk space; null if it is not waiting.")
    total: int = Field(description="The number of its ticks.")
    ticks: ProgressResponse
    created_at: datetime
    created_by: str | None
    paused_at: datetime | None
    paused_by: str | None
    cancelled_at: datetime | None
    cancelled_by: str | None
    finished_at: datetime | None = Field(description="When its last tick ended. A cancelled backfill can still have unfinished runs.")
    links: dict[str, str]

    @classmethod
    def from_view(cls, view: BackfillView) -> Self:
        """Build the response of a backfill."""
        backfill, own = view.backfill, link(f"/backfills/{view.id}")
        names = ("created_at", "created_by", "paused_at", "paused_by", "cancelled_at", "cancelled_by", "finished_at", "message")
        return cls(
            **_build_plan(backfill.pipeline_id, view.pipeline, backfill.plan),
            **{name: getattr(backfill, name) for name in names},
            id=view.id,
            parameters=dict(backfill.plan.parameters),
            state=backfill.state.value,
            total=backfill.progress.total,
            ticks=ProgressResponse(**asdict(backfill.progress)),
            links={
                "self": own,
                **{name: f"{own}/{name}" for name in ("ticks", "pause", "resume", "cancel")},
                "pipeline": link(f"/pipelines/{backfill.pipeline_id}"),
                "page": link(f"/ui/backfills/{view.id}"),
            },
        )


class BackfillTickResponse(ResponseModel):
    """A tick of a backfill. `position` is its place in the order in which the ticks run."""

    model_config = with_example(
        {
            "position": 12,
            "scheduled_for": "2026-01-12T01:30:00Z",
            "state": "completed",
            "reason": None,
            "message": None,
            "run_id": 412,
            "run_number": 231,
            "run_status": "completed",
            "links": {"run": "/runs/412"},
        }
    )

    position: int
    scheduled_for: datetime
    state: Literal["pending", "running", "completed", "failed", "cancelled", "skipped"]
    reason: str | None = Field(description="Why it started no run, as a stable code for programs.")
    message: str | None = Field(description="The reason as a sentence.")
    run_id: int | None
    run_number: int | None
    run_status: str | None
    links: dict[str, str | None]

    @classmethod
    def from_view(cls, view: BackfillTickView) -> Self:
        """Build the response of a tick."""
        return cls(
            position=view.position,
            scheduled_for=view.due_at,
            state=view.state.value,
            reason=view.reason.value if view.reason else None,
            message=view.message,
            run_id=view.run_id,
            run_number=view.run_number,
            run_status=view.run_status.value if view.run_status else None,
            links={"run": link(f"/runs/{view.run_id}") if view.run_id is not None else None},
        )


def _build_plan(pipeline_id: int, pipeline: str, plan: BackfillPlan) -> dict[str, Any]:
    return {
        "pipeline_id": pipeline_id,
        "pipeline": pipeline,
        "schedule": plan.schedule,
        "cron": plan.cron,
        "timezone": plan.timezone,
        "from": plan.since,
        "to": plan.until,
        "order": plan.order.value,
        "parallel": plan.parallel,
        "existing": plan.existing.value,
    }
