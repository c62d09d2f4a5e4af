"""Incidents as the API takes and returns them."""

from datetime import datetime, timedelta
from typing import Any, Final, Literal, Self

from pydantic import Field

from application.queries.views.alerts import DeliveryView, IncidentDetailView, IncidentEntryView, IncidentView
from entrypoints.api.shared.durations import Duration, choose_end
from entrypoints.api.shared.models import RequestModel, ResponseModel, Timestamp, with_example
from entrypoints.http.base_path import link

_EXAMPLE: Final[dict[str, Any]] = {
    "id": 12,
    "kind": "pipeline",
    "pipeline_id": 1,
    "pipeline": "nightly-warehouse",
    "channel": None,
    "rule": "on-call",
    "concurrency_key": "",
    "event": "failed",
    "state": "acknowledged",
    "summary": "failed at fact-orders: UniqueViolation",
    "opened_at": "2026-11-29T03:04:05Z",
    "last_seen_at": "2026-11-29T04:04:02Z",
    "first_run_id": 412,
    "first_run_number": 27,
    "last_run_id": 413,
    "last_run_number": 28,
    "repeats": 1,
    "unstable": False,
    "acknowledged_by": "ada",
    "acknowledged_at": "2026-11-29T03:09:00Z",
    "snoozed_until": None,
    "resolved_at": None,
    "resolved_by": None,
    "resolution": None,
    "group_id": None,
    "links": {
        "self": "/incidents/12",
        "acknowledge": "/incidents/12/acknowledge",
        "snooze": "/incidents/12/snooze",
        "resolve": "/incidents/12/resolve",
        "pipeline": "/pipelines/1",
        "first_run": "/runs/412",
        "last_run": "/runs/413",
        "page": "/ui/incidents/12",
    },
}


class SnoozeRequest(RequestModel):
    """How long the incident is snoozed: `for` or `until`."""

    model_config = with_example({"for": "2h"})

    duration: Duration = Field(None, alias="for", description="Seconds, or a duration such as `90m`, `2h` or `1d`; at most 366 days.")
    until: Timestamp = Field(None, description="The end, in place of `for`.")

    def get_end(self) -> datetime | timedelta:
        """Return the duration or the end. Raises InvalidInput unless exactly one of the two is given."""
        return choose_end(self.duration, self.until, "until")


class IncidentResponse(ResponseModel):
    """A failure that no completed run has resolved yet, or a resolved one."""

    model_config = with_example(_EXAMPLE)

    id: int
    kind: Literal["pipeline", "channel"] = Field(description="`channel`: messages to a channel cannot be delivered.")
    pipeline_id: int | None
    pipeline: str | None
    channel: str | None
    rule: str = Field(description="The rule's name, or a key that Headgate derives from the rule.")
    concurrency_key: str = Field(description="Such as `customer=acme`; empty if the pipeline has no concurrency key.")
    event: str | None = Field(description="What happened first, such as `failed`, `lost` or `missed`.")
    state: Literal["open", "acknowledged", "snoozed", "resolved"]
    summary: str
    opened_at: datetime
    last_seen_at: datetime
    first_run_id: int | None
    first_run_number: int | None
    last_run_id: int | None
    last_run_number: int | None
    repeats: int = Field(description="Bad runs after the first.")
    unstable: bool = Field(description="True if the pipeline's runs keep changing between good and bad.")
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    snoozed_until: datetime | None
    resolved_at: datetime | None
    resolved_by: str | None = Field(description="The user; null if a completed run resolved it.")
    resolution: str | None = Field(description="Why it is resolved, such as `recovered` or `resolved` (by a user).")
    group_id: int | None = Field(description="The incident whose message also reports this one.")
    links: dict[str, str | None]

    @classmethod
    def from_view(cls, view: IncidentView) -> Self:
        """Build the response of an incident."""
        return cls(**_get_fields(view))


class IncidentEntryResponse(ResponseModel):
    """A line of an incident's timeline."""

    at: datetime
    kind: str
    actor: str | None
    data: dict[str, Any]

    @classmethod
    def from_view(cls, view: IncidentEntryView) -> Self:
        """Build the response of an entry."""
        return cls(at=view.at, kind=view.kind, actor=view.actor, data=dict(view.data))


class DeliveryResponse(ResponseModel):
    """One message to one channel."""

    id: int
    message_kind: str
    subject: str
    channel: str
    state: Literal["scheduled", "sent", "dead", "dropped"]
    due_at: datetime | None = Field(description="The time of the next try.")
    tries: int
    last_error: str | None
    sent_at: datetime | None
    held_by: str | None = Field(description="`quiet` hours or a `silence` that delay it; null if nothing does.")

    @classmethod
    def from_view(cls, view: DeliveryView) -> Self:
        """Build the response of a delivery."""
        return cls(
            id=view.id,
            message_kind=view.message_kind.value,
            subject=view.subject,
            channel=view.channel,
            state=view.state.value,
            due_at=view.due_at,
            tries=view.tries,
            last_error=view.last_error,
            sent_at=view.sent_at,
            held_by=view.held_by,
        )


class IncidentDetailResponse(IncidentResponse):
    """An incident with its timeline, oldest first, and its deliveries."""

    model_config = with_example(
        {
            **_EXAMPLE,
            "timeline": [
                {"at": "2026-11-29T03:04:05Z", "kind": "opened", "actor": None, "data": {"run_id": 412}},
                {"at": "2026-11-29T03:09:00Z", "kind": "acknowledged", "actor": "ada", "data": {}},
            ],
            "deliveries": [
                {
                    "id": 31,
                    "message_kind": "opened",
                    "subject": "nightly-warehouse#27 failed at fact-orders: UniqueViolation",
                    "channel": "team-slack",
                    "state": "sent",
                    "due_at": "2026-11-29T03:04:05Z",
                    "tries": 1,
                    "last_error": None,
                    "sent_at": "2026-11-29T03:04:06Z",
                    "held_by": None,
                }
            ],
        }
    )

    timeline: list[IncidentEntryResponse]
    deliveries: list[DeliveryResponse]

    @classmethod
    def from_detail(cls, view: IncidentDetailView) -> Self:
        """Build the response of an incident with its history."""
        return cls(
            **_get_fields(view.incident),
            timeline=[IncidentEntryResponse.from_view(entry) for entry in view.timeline],
            deliveries=[DeliveryResponse.from_view(delivery) for delivery in view.deliveries],
        )


def _get_fields(view: IncidentView) -> dict[str, Any]:
    names = [name for name in IncidentResponse.model_fields if name != "links"]
    fields = {name: getattr(view, name) for name in names} | {"last_seen_at": view.last_seen_at or view.opened_at}
    return {**fields, "links": _build_links(view)}


def _build_links(view: IncidentView) -> dict[str, str | None]:
    own = link(f"/incidents/{view.id}")
    return {
        "self": own,
        **{action: f"{own}/{action}" for action in ("acknowledge", "snooze", "resolve")},
        "pipeline": link(f"/pipelines/{view.pipeline_id}") if view.pipeline_id is not None else None,
        "first_run": link(f"/runs/{view.first_run_id}") if view.first_run_id is not None else None,
        "last_run": link(f"/runs/{view.last_run_id}") if view.last_run_id is not None else None,
        "page": link(f"/ui/incidents/{view.id}"),
    }
