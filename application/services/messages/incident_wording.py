"""What messages say about one incident."""

from collections.abc import Sequence
from datetime import datetime

from application.queries.views.runs import RunView
from application.services.alerts.message_facts import MessageFacts
from application.services.messages.message_content import MAX_ITEM_LENGTH, Block, bullets, heading
from application.services.messages.plain_text import clean_line
from application.services.messages.run_story import RunStory
from application.services.messages.run_wording import describe_failure, describe_run
from application.services.messages.words import count_of, format_at, format_seconds, format_span, name_pipeline, write, write_subject
from domain.alerts.incident import Incident, IncidentState, Resolution
from domain.alerts.rule import AlertEvent

MAX_LISTED_RUNS = 10


def word_opening(facts: MessageFacts, incident: Incident, story: RunStory | None) -> tuple[str, list[Block]]:
    """Return subject and text of the first message about an incident."""
    return _word_state(facts, incident, story), [*_describe_event(facts, incident, story), *_describe_attention(incident)]


def word_escalation(facts: MessageFacts, incident: Incident, story: RunStory | None, now: datetime) -> tuple[str, list[Block]]:
    """Return the message for a channel that gets the incident because it was not acknowledged in time."""
    subject = write_subject(f"Not acknowledged for {format_seconds(facts.after)}:", _word_state(facts, incident, story))
    age = write(f"The incident opened {format_span(incident.opened_at, now)} ago, and it is still open.", _count_repeats(incident))
    return subject, [age, *_describe_event(facts, incident, story)]


def word_reminder(facts: MessageFacts, incident: Incident, story: RunStory | None, now: datetime) -> tuple[str, list[Block]]:
    age = format_span(incident.opened_at, now)
    subject = write_subject(f"Still open after {age}:", _word_state(facts, incident, story))
    opened = write(f"The incident opened on {format_at(incident.opened_at)} and is still open.", _count_repeats(incident))
    return subject, [opened, *_describe_event(facts, incident, story)]


def word_unstable(facts: MessageFacts, incident: Incident, runs: Sequence[RunView]) -> tuple[str, list[Block]]:
    """Return the message about runs that fail and complete in turn. `runs` are the last ones, newest first."""
    pipeline = name_pipeline(facts.pipeline, incident)
    items = [f"#{run.number} {run.status.value}" for run in runs[:MAX_LISTED_RUNS][::-1]]
    blocks = [
        write(f"Runs of {pipeline} alternate between failed and completed. Last failure: {incident.summary}."),
        write("Headgate sends no more messages about single runs until three in a row have completed."),
    ]
    return f"{pipeline} is unstable", blocks + ([heading("Its last runs, oldest first:"), bullets(items)] if items else [])


def word_recovery(facts: MessageFacts, incident: Incident, run: RunView | None) -> tuple[str, list[Block]]:
    """Return the message about the end of an incident. `run` is the one that resolved it, if one did."""
    pipeline = name_pipeline(facts.pipeline, incident)
    lasted = format_span(incident.opened_at, incident.resolved_at or incident.opened_at)
    until = f" to {format_at(incident.resolved_at)}" if incident.resolved_at else ""
    period = f"The incident was open for {lasted}, from {format_at(incident.opened_at)}{until}."
    history = write(f"{pipeline} {incident.summary}.", period, _count_repeats(incident))
    match incident.resolution:
        case Resolution.RESOLVED:
            by = clean_line(incident.resolved_by or "a user", 100)
            return write_subject(f"{pipeline}: resolved by {by}, after {lasted}"), [history]
        case Resolution.DECIDED:
            return write_subject(f"{pipeline} is no longer waiting for an approval, after {lasted}"), [history]
    good = f" with {run.name}" if run else ""
    done = [write(f"{run.name} completed{f' on {format_at(run.finished_at)}' if run.finished_at else ''}.")] if run else []
    return write_subject(f"{pipeline} recovered{good}, after {lasted}"), [*done, history]


def _word_state(facts: MessageFacts, incident: Incident, story: RunStory | None) -> str:
    subject = story.run.name if story else name_pipeline(facts.pipeline, incident)
    return write_subject(subject, incident.summary)


def _describe_event(facts: MessageFacts, incident: Incident, story: RunStory | None) -> list[Block]:
    pipeline = name_pipeline(facts.pipeline, incident)
    run = story.run.name if story else pipeline
    match incident.event:
        case AlertEvent.MISSED:
            last = f"The last completed run is #{story.last_good.number}." if story and story.last_good else ""
            return [write(f"{pipeline} {incident.summary}. Headgate expected a run then.", last)]
        case AlertEvent.LATE | AlertEvent.OVERRUN:
            return [write(f"{run} {incident.summary}."), *([describe_run(story)] if story else [])]
        case AlertEvent.WAITING:
            return [write(f"{run} {incident.summary}."), *_list_questions(story)]
    if story is None:
        return [write(f"{pipeline} {incident.summary}. The run is deleted.")]
    return [describe_run(story), *describe_failure(story)]


def _list_questions(story: RunStory | None) -> list[Block]:
    """Show what the stages of the run ask that wait for a decision."""
    stages = [stage for stage in story.run.stages if stage.kind == "approval" and stage.waiting_since] if story else []
    items = [clean_line(f"{stage.name}: {stage.message or 'no question'}", MAX_ITEM_LENGTH) for stage in stages[:MAX_LISTED_RUNS]]
    return [heading("Waiting stages:"), bullets(items)] if items else []


def _describe_attention(incident: Incident) -> list[Block]:
    """Say that a person knows of the incident already, for a message that was held back."""
    if incident.state is IncidentState.ACKNOWLEDGED and incident.acknowledged_at:
        return [write(f"{incident.acknowledged_by or 'A user'} acknowledged it on {format_at(incident.acknowledged_at)}.")]
    return []


def _count_repeats(incident: Incident) -> str:
    return f"After the first run, {count_of(incident.repeats, 'more run')} did not complete." if incident.repeats else ""
