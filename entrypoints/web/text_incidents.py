"""Incidents as plain text, for terminals."""

from collections.abc import Sequence
from datetime import datetime

from application.queries.views.alerts import OpenIncidentsView
from entrypoints.text_tables import format_table, replace_unprintable
from entrypoints.web.view_models.alerts.incident_item import IncidentItem, build_incident_items
from entrypoints.web.view_models.alerts.incident_page import IncidentPage


def format_incidents(incidents: Sequence[IncidentItem]) -> str:
    """Return the list of incidents."""
    lines: list[Sequence[object]] = [("ID", "STATE", "OPENED", "SEEN", "RUN", "INCIDENT")]
    for each in incidents:
        text = " ".join(filter(None, (each.subject, each.key, each.summary)))
        lines.append((each.id, each.label.word, each.opened.long if each.opened else "", each.seen, each.run, text))
    return format_table(lines, numbers=(0,)) if incidents else "No incidents.\n"


def format_open_incidents(found: OpenIncidentsView, now: datetime) -> str:
    """Return the open incidents that are above the board, one line each; empty if there are none."""
    items = build_incident_items(found.first, now)
    lines = [f"! {' '.join(filter(None, (each.subject, each.key, each.summary)))}   headgate ack {each.id}" for each in items]
    more = [f"  and {found.count - len(items):,} more: headgate incidents"] if found.count > len(items) else []
    return "".join(f"{replace_unprintable(line)}\n" for line in [*lines, *more]) + ("\n" if lines else "")


def format_incident(page: IncidentPage) -> str:
    """Return an incident with its timeline and its messages."""
    item = page.item
    head = [f"{item.subject} {item.summary}   {item.label.word}", "".join(part.text for part in item.state_text)]
    timeline: list[Sequence[object]] = [("AT", "", "")]
    timeline += [(each.at.long if each.at else "", f"{each.actor} {each.text}".strip(), each.run) for each in page.timeline]
    messages: list[Sequence[object]] = [("CHANNEL", "MESSAGE", "STATE", "AT", "")]
    messages += [(each.channel, each.kind, each.label.word, each.at.long if each.at else "", each.note) for each in page.deliveries]
    tables = [format_table(timeline), *([format_table(messages)] if page.deliveries else [])]
    return "\n".join([*map(replace_unprintable, head), "", *tables])
