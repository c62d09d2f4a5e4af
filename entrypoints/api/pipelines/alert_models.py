"""Alert rules of a definition, as the API returns them."""

from typing import Literal

from pydantic import Field

from entrypoints.api.shared.models import ResponseModel


class RuleTargetResponse(ResponseModel):
    """A channel that gets the messages of a rule, at once or if the incident is still open after some seconds."""

    channel: str
    after: float = Field(description="Seconds.")


class QuietHoursResponse(ResponseModel):
    """The hours of each day in which messages are held back, except for some channels."""

    timezone: str
    from_: str = Field(alias="from")
    to: str
    except_: list[str] = Field(alias="except")


class AlertRuleDefinitionResponse(ResponseModel):
    """An alert rule with every default. Durations are in seconds."""

    name: str | None
    on: list[Literal["failed", "lost", "cancelled", "completed", "recovered", "missed", "late", "overrun", "waiting"]]
    after: int = Field(description="The number of consecutive failures at which an incident opens.")
    to: list[RuleTargetResponse]
    remind: float | None
    recovery: bool
    quiet: QuietHoursResponse | None
