"""What became of the runs that were expected on a day, as the API returns it."""

from datetime import date, datetime
from typing import Final, Literal, Self

from pydantic import Field

from application.queries.explain_day.entries import DayEntry, DayExplanation, DayReason
from domain.schedules.tick import TickReason
from entrypoints.api.shared.models import ResponseModel, with_example
from entrypoints.http.base_path import link

_REASONS: Final = dict.fromkeys((*(reason.value for reason in TickReason), *(reason.value for reason in DayReason)))


class WhyEntryResponse(ResponseModel):
    """Consecutive ticks with the same outcome."""

    schedule: str = Field(description="The schedule's name; of a pipeline that other machines run, when a run is expected.")
    since: datetime = Field(alias="from", description="The time of the first tick.")
    to: datetime = Field(description="The time of the last tick.")
    local_from: datetime = Field(description="`from` in the schedule's zone.")
    local_to: datetime = Field(description="`to` in the schedule's zone.")
    timezone: str
    count: int = Field(description="The number of ticks; 0 if the entry explains something else, such as a day without a tick.")
    state: Literal["fired", "late", "waiting", "missed", "skipped", "paused", "due", "not_due", "changed_clock", "unknown"]
    reason: str | None = Field(
        description=f"The reason as a stable code; null if the runs were opened in time. One of {', '.join(_REASONS)}."
    )
    sentence: str = Field(description="The reason as a sentence, in the schedule's zone.")
    runs: int = Field(description="The number of runs that the ticks opened.")
    run_ids: list[int] = Field(description="The first 10 of them.")
    blocked_by: int | None = Field(description="The run that kept the ticks from running.")

    @classmethod
    def from_entry(cls, entry: DayEntry) -> Self:
        """Build the response of an entry."""
        ticks = entry.ticks
        times = {"from": ticks.start, "to": ticks.end, "local_from": entry.local_start, "local_to": entry.local_end}
        return cls(
            **times,
            schedule=ticks.source,
            timezone=str(ticks.zone),
            count=ticks.count,
            state=ticks.state.value,
            reason=ticks.reason,
            sentence=entry.sentence,
            runs=ticks.runs,
            run_ids=list(ticks.run_ids),
            blocked_by=ticks.blocked_by,
        )


class WhyResponse(ResponseModel):
    """A day of a pipeline: the outcome of each expected run, ordered by time."""

    model_config = with_example(
        {
            "pipeline_id": 1,
            "pipeline": "flights",
            "day": "2026-11-27",
            "entries": [
                {
                    "schedule": "nightly",
                    "from": "2026-11-27T02:00:00Z",
                    "to": "2026-11-27T02:00:00Z",
                    "local_from": "2026-11-27T03:00:00+01:00",
                    "local_to": "2026-11-27T03:00:00+01:00",
                    "timezone": "Europe/Berlin",
                    "count": 1,
                    "state": "skipped",
                    "reason": "overlap",
                    "sentence": "03:00 skipped: #41 ran until 05:12",
                    "runs": 0,
                    "run_ids": [],
                    "blocked_by": 41,
                }
            ],
            "links": {"pipeline": "/pipelines/1", "page": "/ui/pipelines/1?day=2026-11-27#why"},
        }
    )

    pipeline_id: int
    pipeline: str
    day: date
    entries: list[WhyEntryResponse]
    links: dict[str, str]

    @classmethod
    def from_explanation(cls, explanation: DayExplanation) -> Self:
        """Build the response of a day."""
        pipeline = explanation.pipeline_id
        return cls(
            pipeline_id=pipeline,
            pipeline=explanation.pipeline,
            day=explanation.day,
            entries=[WhyEntryResponse.from_entry(entry) for entry in explanation.entries],
            links={
                "pipeline": link(f"/pipelines/{pipeline}"),
                "page": f"{link(f'/ui/pipelines/{pipeline}')}?day={explanation.day.isoformat()}#why",
            },
        )
