"""Incidents as plain text, for terminals."""

from collections.abc import Sequence

from application.queries.views.alerts import IncidentView
from entrypoints.text_tables import format_table


def format_incidents(incidents: Sequence[IncidentView]) -> str:
    """Return a line for each incident, below a header."""
    if not incidents:
        return "No incident.\n"
    rows: list[Sequence[object]] = [("ID", "STATE", "SUBJECT", "WHAT HAPPENED", "OPENED", "RUNS")]
    return format_table([*rows, *(_build_row(incident) for incident in incidents)], numbers=(0, 5))


def _build_row(incident: IncidentView) -> Sequence[object]:
    key = f" ({incident.concurrency_key})" if incident.concurrency_key else ""
    subject = f"{incident.pipeline or f'channel {incident.channel}'}{key}"
    return incident.id, incident.state.value, subject, incident.summary, f"{incident.opened_at:%Y-%m-%d %H:%M} UTC", incident.repeats + 1
