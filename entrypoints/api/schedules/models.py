"""Schedules and their ticks, as the API returns them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, Self

from pydantic import Field

from application.queries.views.schedules import ScheduleView, TickView
from domain.schedules.serialization import serialize_schedule
from domain.schedules.words import ExplainCron, describe_recurrence
from entrypoints.api.pipelines.schedule_models import ScheduleDefinitionResponse
from entrypoints.api.shared.models import ResponseModel, with_example
from entrypoints.http.base_path import link


class TickResponse(ResponseModel):
    """A tick that was decided or waits: whether it opened a run, and why not."""

    model_config = with_example(
        {
            "id": 12,
            "pipeline_id": 1,
            "pipeline": "flights",
            "schedule": "nightly",
            "scheduled_for": "2026-11-28T01:30:00Z",
            "fire_at": "2026-11-28T01:30:41.907000Z",
            "state": "skipped",
            "reason": "overlap",
            "message": "Run 41 was still running.",
            "run_id": None,
            "count": 1,
            "decided_at": "2026-11-28T01:30:41.950000Z",
            "links": {"pipeline": "/pipelines/1", "run": None},
        }
    )

    id: int
    pipeline_id: int
    pipeline: str
    schedule: str
    scheduled_for: datetime = Field(description="The nominal time, without jitter.")
    fire_at: datetime = Field(description="When it was due, jitter included.")
    state: Literal["fired", "late", "waiting", "missed", "skipped", "paused"]
    reason: str | None = Field(description="Why it opened no run, or waits; stable, for programs.")
    message: str | None = Field(description="The reason as a sentence.")
    run_id: int | None
    count: int = Field(description="The number of ticks that it stands for, from `scheduled_for` on.")
    decided_at: datetime
    links: dict[str, str | None]

    @classmethod
    def from_view(cls, view: TickView) -> Self:
        """Build the response of a tick."""
        run = link(f"/runs/{view.run_id}") if view.run_id is not None else None
        return cls(
            id=view.id,
            pipeline_id=view.pipeline_id,
            pipeline=view.pipeline,
            schedule=view.schedule,
            scheduled_for=view.due_at,
            fire_at=view.fire_at,
            state=view.state.value,
            reason=view.reason.value if view.reason else None,
            message=view.message,
            run_id=view.run_id,
            count=view.count,
            decided_at=view.decided_at,
            links={"pipeline": link(f"/pipelines/{view.pipeline_id}"), "run": run},
        )


class ScheduleResponse(ScheduleDefinitionResponse):
    """A schedule of a pipeline: its definition with every default, when it fires next, and its last tick."""

    model_config = with_example(
        {
            "name": "nightly",
            "words": "At 02:30 every day, Europe/Berlin",
            "cron": "30 2 * * *",
            "every": None,
            "offset": None,
            "at": None,
            "timezone": "Europe/Berlin",
            "start": None,
            "end": None,
            "skip": ["2026-12-25"],
            "jitter": 120.0,
            "parameters": {"day": {"tick": "date", "offset": "-1d"}},
            "catch_up": "latest",
            "catch_up_window": 86400.0,
            "overlap": "skip",
            "paused": False,
            "paused_at": None,
            "paused_by": None,
            "paused_until": None,
            "next_at": "2026-11-29T01:30:17.120000Z",
            "last_tick": None,
            "links": {
                "pipeline": "/pipelines/1",
                "next": "/pipelines/1/schedules/nightly/next",
                "pause": "/pipelines/1/schedules/nightly/pause",
                "resume": "/pipelines/1/schedules/nightly/resume",
                "run-now": "/pipelines/1/schedules/nightly/run-now",
                "page": "/ui/pipelines/1",
            },
        }
    )

    words: str = Field(description="When it fires, in words.")
    paused: bool = Field(description="True while the schedule itself is paused; its pipeline may be paused, too.")
    paused_at: datetime | None
    paused_by: str | None
    paused_until: datetime | None
    next_at: datetime | None = Field(description="When it fires next, jitter included; null if nothing will fire.")
    last_tick: TickResponse | None
    links: dict[str, str]

    @classmethod
    def from_parts(cls, view: ScheduleView, ticks: Iterable[TickView], explain_cron: ExplainCron) -> Self:
        """Build the response of a schedule with the newest of its ticks."""
        own = [tick for tick in ticks if tick.schedule_id == view.id]
        pipeline = link(f"/pipelines/{view.pipeline_id}")
        return cls(
            **serialize_schedule(view.definition),
            words=describe_recurrence(view.definition.recurrence, explain_cron),
            paused=view.paused_at is not None,
            paused_at=view.paused_at,
            paused_by=view.paused_by,
            paused_until=view.paused_until,
            next_at=view.next_run_at,
            last_tick=TickResponse.from_view(own[-1]) if own else None,
            links={
                "pipeline": pipeline,
                **{action: f"{pipeline}/schedules/{view.name}/{action}" for action in ("next", "pause", "resume", "run-now")},
                "page": link(f"/ui/pipelines/{view.pipeline_id}"),
            },
        )
