"""Incidents as lists show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.queries.explain.durations import format_elapsed
from application.queries.explain.status_text import bold, compose, format_time
from application.queries.views.alerts import IncidentView
from domain.alerts.incident import IncidentKind, IncidentState, Resolution
from entrypoints.web.view_models.alerts.labels import INCIDENT_LABELS, RESOLUTION_SENTENCES
from entrypoints.web.view_models.formatting import Sentence, StatusLabel, Timestamp, format_timestamp, pluralize, shorten_json

MAX_SUMMARY_LENGTH = 200


@dataclass(frozen=True, slots=True)
class IncidentItem:
    """An incident: a row of a list, and the head of its page.

    `subject` is the pipeline or the channel, and `subject_href` its page. `state_text` says who did what, and what happens next.
    """

    id: int
    state: str
    label: StatusLabel
    subject: str
    subject_href: str
    key: str
    summary: str
    opened: Timestamp | None
    last_seen: Timestamp | None
    seen: str
    rule: str
    run: str
    run_href: str
    can_acknowledge: bool
    is_unstable: bool
    state_text: Sentence


def build_incident_item(incident: IncidentView, now: datetime) -> IncidentItem:
    """Return the row of an incident."""
    is_channel, state = incident.kind is IncidentKind.CHANNEL, get_state(incident, now)
    subject = (incident.channel if is_channel else incident.pipeline) or ""
    return IncidentItem(
        id=incident.id,
        state=state.value,
        label=INCIDENT_LABELS[state],
        subject=f"Channel {subject}" if is_channel else subject,
        subject_href=f"/ui/channels/{subject}" if is_channel else f"/ui/pipelines/{incident.pipeline_id}",
        key=incident.concurrency_key,
        summary=shorten_json(incident.summary, MAX_SUMMARY_LENGTH),
        opened=format_timestamp(incident.opened_at),
        last_seen=format_timestamp(incident.last_seen_at) if incident.repeats else None,
        seen=pluralize(incident.repeats + 1, "time") if incident.repeats else "once",
        rule=describe_rule_key(incident.rule),
        run=f"#{incident.last_run_number}" if incident.last_run_number is not None else "",
        run_href=f"/ui/runs/{incident.last_run_id}" if incident.last_run_number is not None else "",
        can_acknowledge=state in (IncidentState.OPEN, IncidentState.SNOOZED),
        is_unstable=incident.unstable,
        state_text=describe_state(incident, now),
    )


def build_incident_items(incidents: Sequence[IncidentView], now: datetime) -> list[IncidentItem]:
    """Return the rows of incidents."""
    return [build_incident_item(each, now) for each in incidents]


def describe_rule_key(key: str) -> str:
    """Return the name of a rule as people know it: "oncall", "oncall (all pipelines)", "without a name"."""
    if key.startswith("site:"):
        return f"{key.removeprefix('site:')} (site-wide)"
    return "without a name" if key.startswith("rule-") else key


def get_state(incident: IncidentView, now: datetime) -> IncidentState:
    """Return the state that the incident has now: a snoozed one is open again after its time."""
    until = incident.snoozed_until
    is_over = incident.state is IncidentState.SNOOZED and until is not None and until <= now
    return IncidentState.OPEN if is_over else incident.state


def describe_state(incident: IncidentView, now: datetime) -> Sentence:
    """Return what became of the incident, in a sentence."""
    by = bold(_name(incident.acknowledged_by))
    match get_state(incident, now):
        case IncidentState.ACKNOWLEDGED if incident.acknowledged_at is not None:
            return compose(by, " acknowledged it at ", format_time(incident.acknowledged_at, now), ". Reminders have stopped.")
        case IncidentState.SNOOZED if incident.snoozed_until is not None:
            return compose(by, " snoozed it until ", format_time(incident.snoozed_until, now), ". Then it opens again.")
        case IncidentState.RESOLVED if incident.resolved_at is not None:
            return _describe_resolution(incident, incident.resolved_at, now)
    return compose("Open since ", format_time(incident.opened_at, now), ", not acknowledged yet.")


def _describe_resolution(incident: IncidentView, at: datetime, now: datetime) -> Sentence:
    reason = RESOLUTION_SENTENCES[incident.resolution] if incident.resolution else ""
    lasted = f" after {format_elapsed(at, incident.opened_at)}. {reason}".rstrip()
    if incident.resolution is Resolution.RESOLVED:
        return compose(bold(_name(incident.resolved_by)), " resolved it at ", format_time(at, now), f",{lasted}")
    return compose("Resolved at ", format_time(at, now), f",{lasted}")


def _name(actor: str | None) -> str:
    """Return the actor's name as a sentence begins with it. Without sign-in, it is "A user"."""
    return "A user" if actor in (None, "someone") else str(actor)
