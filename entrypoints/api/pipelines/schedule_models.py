"""Schedules and expectations of a definition, as the API returns them."""

from typing import Any, Literal

from pydantic import Field

from entrypoints.api.shared.models import ResponseModel


class RecurrenceResponse(ResponseModel):
    """When something happens. One of `cron` and `every`, or of a schedule's `at`, is not null."""

    cron: str | None = None
    every: float | None = Field(default=None, description="Seconds.")
    offset: float | None = Field(default=None, description="Seconds; null without `every`.")
    timezone: str


class ScheduleDefinitionResponse(RecurrenceResponse):
    """A schedule's definition with every default. Durations are in seconds, and times are in its zone."""

    name: str
    at: str | None = None
    start: str | None
    end: str | None
    skip: list[str]
    jitter: float
    parameters: dict[str, Any]
    catch_up: Literal["none", "latest", "all"]
    catch_up_window: float
    overlap: Literal["skip", "queue_one", "queue_all", "cancel_running", "allow"]


class ExpectationResponse(RecurrenceResponse):
    """When other machines are expected to run the pipeline. Durations are in seconds."""

    grace: float
    max_duration: float | None
