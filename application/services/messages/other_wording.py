"""What messages say that are not about one incident of a pipeline."""

from collections.abc import Mapping, Sequence

from application.queries.views.runs import RunView
from application.services.alerts.message_facts import MessageFacts
from application.services.messages.message_content import MAX_ITEM_LENGTH, Block, bullets, heading
from application.services.messages.plain_text import clean_line
from application.services.messages.words import (
    count_of,
    format_active_time,
    format_at,
    format_span,
    format_wait,
    name_pipeline,
    write,
    write_subject,
)
from domain.alerts.incident import Incident
from domain.alerts.rule import AlertEvent

MAX_LISTED = 20
Names = Mapping[int, str]
"""Names of pipelines by their ids."""


def word_group(incidents: Sequence[Incident], total: int, names: Names) -> tuple[str, list[Block]]:
    """Return the message about incidents that opened at a time. `incidents` are the first of `total`."""
    summaries = {each.summary for each in incidents}
    has_one_cause = len({each.cause for each in incidents}) == 1 and incidents and incidents[0].cause is not None
    common = incidents[0].summary if has_one_cause and len(summaries) == 1 else ""
    subject = write_subject(f"{count_of(total, 'more incident')} within 30 s" + (f": {common}" if common else ""))
    cause = "They have the same cause: one error, or one worker." if has_one_cause else "They have different causes."
    return subject, [
        write(f"Headgate reports {count_of(total, 'more incident')} that opened within 30 seconds in one message.", cause),
        heading("The incidents:"),
        bullets(_list_incidents(incidents, total, names)),
    ]


def word_group_recovery(first: Incident, total: int) -> tuple[str, list[Block]]:
    lasted = format_span(first.opened_at, first.resolved_at or first.opened_at)
    text = write(f"All {count_of(total, 'incident')} that Headgate reported in one message on {format_at(first.opened_at)} are resolved.")
    return write_subject(f"{count_of(total, 'incident')} resolved, after {lasted}"), [text]


def word_digest(incidents: Sequence[Incident], total: int, names: Names) -> tuple[str, list[Block]]:
    subject = f"{count_of(total, 'incident')} opened and resolved while messages were held back"
    return subject, [
        write("They opened during quiet hours or a silence, when Headgate sends no messages. No incident is open now."),
        bullets(_list_incidents(incidents, total, names)),
    ]


def word_notice(facts: MessageFacts, run: RunView | None, earlier: RunView | None) -> tuple[str, list[Block]]:
    """Return the message about a run that completed. `earlier` is the run before it."""
    if run is None:
        return write_subject(name_pipeline(facts.pipeline, None), "completed a run, which has been deleted"), []
    took = f" in {format_active_time(run)}" if run.started_at and run.finished_at else ""
    wait = f"It {words}." if (words := format_wait(run)) else ""
    records = f"It processed {count_of(run.records_processed, 'record')}." if run.records_processed is not None else ""
    at = f" on {format_at(run.finished_at)}" if run.finished_at else ""
    text = write(f"{run.name} completed{at}{took and f', {took.strip()}'}.", wait, records)
    if facts.event is AlertEvent.RECOVERED:
        before = [write(f"The run before it, #{earlier.number}, is {earlier.status.value}.")] if earlier else []
        return write_subject(run.name, "completed again"), [text, *before]
    return write_subject(f"{run.name} completed{took}"), [text]


def word_test(facts: MessageFacts, *, is_drill: bool) -> tuple[str, list[Block]]:
    channel = facts.channel or "this channel"
    confirm = "Confirm on the linked page that you received it."
    if is_drill:
        return f"Weekly test of channel {channel}", [write(f"Headgate tests channel {channel} every week. Nothing is broken.", confirm)]
    by = f" for {clean_line(facts.actor, 100)}" if facts.actor else ""
    return f"Test of channel {channel}", [write(f"Headgate sent this message{by} to test channel {channel}. Nothing is broken.", confirm)]


def word_channel_opening(facts: MessageFacts, incident: Incident) -> tuple[str, list[Block]]:
    return write_subject(f"Channel {facts.channel} does not deliver messages:", incident.summary), [
        write(f"Headgate could not deliver messages to channel {facts.channel}: {incident.summary}"),
        write("Messages for it are sent here until it delivers again. Check its settings and send a test message."),
    ]


def word_channel_recovery(facts: MessageFacts, incident: Incident) -> tuple[str, list[Block]]:
    lasted = format_span(incident.opened_at, incident.resolved_at or incident.opened_at)
    return write_subject(f"Channel {facts.channel} delivers again, after {lasted}"), [
        write(f"Headgate delivered a message to channel {facts.channel}.")
    ]


def _list_incidents(incidents: Sequence[Incident], total: int, names: Names) -> list[str]:
    items = [clean_line(_describe(each, names), MAX_ITEM_LENGTH) for each in incidents[:MAX_LISTED]]
    return [*items, f"and {total - len(items):,} more"] if total > len(items) else items


def _describe(incident: Incident, names: Names) -> str:
    line = f"{name_pipeline(names.get(incident.pipeline_id or 0), incident)} {incident.summary}"
    if incident.resolved_at is None:
        return line
    return f"{line}, resolved after {format_span(incident.opened_at, incident.resolved_at)}"
