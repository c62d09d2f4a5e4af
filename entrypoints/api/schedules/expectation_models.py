"""Expectations and what became of their ticks, as the API returns them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Self

from pydantic import Field

from application.queries.schedules.expectations import ExpectationStatus
from domain.schedules.expectations import ExpectedTick
from domain.schedules.serialization import serialize_expectation
from domain.schedules.words import ExplainCron, describe_recurrence
from entrypoints.api.pipelines.schedule_models import ExpectationResponse
from entrypoints.api.shared.models import ResponseModel, with_example


class ExpectedTickResponse(ResponseModel):
    """A time at which a run was expected. `closes_at` is the end of the grace period."""

    due_at: datetime
    closes_at: datetime
    state: Literal["expected", "met", "late", "missed"]
    run_id: int | None

    @classmethod
    def from_tick(cls, tick: ExpectedTick) -> Self:
        """Build the response of a tick."""
        return cls(due_at=tick.due_at, closes_at=tick.closes_at, state=tick.state.value, run_id=tick.run.id if tick.run else None)


class ExpectationStatusResponse(ExpectationResponse):
    """An expectation, how it is met now, and its last ticks, oldest first."""

    model_config = with_example(
        {
            "words": "At 03:00 every day, UTC",
            "cron": "0 3 * * *",
            "every": None,
            "offset": None,
            "timezone": "UTC",
            "grace": 900.0,
            "max_duration": None,
            "state": "overdue",
            "since": "2026-11-29T03:15:00Z",
            "sentence": "Overdue since 03:15, expected daily at 03:00",
            "next_due_at": "2026-11-30T03:00:00Z",
            "ticks": [{"due_at": "2026-11-29T03:00:00Z", "closes_at": "2026-11-29T03:15:00Z", "state": "missed", "run_id": None}],
        }
    )

    words: str = Field(description="When a run is expected, in words.")
    state: Literal["on_time", "late", "overrun", "overdue"]
    since: datetime | None
    sentence: str | None = Field(description="What is wrong, as a sentence; null if nothing is wrong.")
    next_due_at: datetime | None
    ticks: list[ExpectedTickResponse]

    @classmethod
    def from_status(cls, status: ExpectationStatus, ticks: Sequence[ExpectedTick], explain_cron: ExplainCron) -> Self:
        """Build the response of an expectation."""
        return cls(
            **serialize_expectation(status.expectation),
            words=describe_recurrence(status.expectation.recurrence, explain_cron),
            state=status.state.value,
            since=status.since,
            sentence=status.sentence,
            next_due_at=status.next_due_at,
            ticks=[ExpectedTickResponse.from_tick(tick) for tick in ticks],
        )
