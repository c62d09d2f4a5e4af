"""A run's events as sentences."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from application.queries.explain.durations import format_duration
from application.queries.explain.status_text import TextPart
from application.queries.views.events import EventView
from domain.name_lists import format_names
from domain.runs.events import EventType
from domain.runs.run_flow_runs import PREFECT
from domain.runs.status import Reason, Status
from entrypoints.web.view_models.formatting import (
    Sentence,
    StatusLabel,
    Timestamp,
    describe_trigger,
    format_time,
    get_status_label,
    pluralize,
)

MAX_TEXT_LENGTH = 160
HIDDEN = frozenset({EventType.DISPATCH_ENDED})
"""Events that say nothing a reader does not see elsewhere."""


@dataclass(frozen=True, slots=True)
class EventItem:
    """An event. `status` is set if the run or a stage changed to it."""

    seq: int
    at: Timestamp | None
    status: StatusLabel | None
    sentence: Sentence


def build_event_items(events: Sequence[EventView]) -> list[EventItem]:
    """Return the visible events in the same order."""
    return [
        EventItem(event.seq, format_time(event.at), get_status_label(event.status) if event.status else None, describe_event(event))
        for event in events
        if event.type not in HIDDEN
    ]


def describe_event(event: EventView) -> Sentence:
    """Return what happened."""
    parts = EVENT_DESCRIPTIONS.get(event.type, _describe_unknown)(event)
    return [part for part in parts if part.text]


def _get_stage(event: EventView) -> TextPart:
    return TextPart(event.stage or "the run", event.stage is not None)


def _get_actor(event: EventView) -> TextPart:
    return TextPart(event.actor or "A user", event.actor is not None)


def _get_first_line(event: EventView) -> str:
    """Return the first line of the event's message, shortened."""
    return str(event.data.get("message") or "").split("\n")[0][:MAX_TEXT_LENGTH]


def _get_message(event: EventView) -> str:
    """Return the message after a colon; empty without one."""
    message = event.data.get("message")
    return f": {message}" if message else ""


def _describe_opening(event: EventView) -> Sentence:
    trigger = describe_trigger(str(event.data.get("trigger", "api")), event.actor)
    return [TextPart(f"Run #{event.data.get('number', '')} triggered: "), TextPart(trigger[0].lower() + trigger[1:])]


def _describe_run_status(event: EventView) -> Sentence:
    if event.status is None or not event.status.is_terminal:
        return [TextPart(f"The run is {event.status}")]
    return [TextPart("The run "), TextPart(_ENDINGS.get(event.status, str(event.status)), True)]


def _describe_stage_status(event: EventView) -> Sentence:
    data, stage = event.data, _get_stage(event)
    is_retry = bool(event.attempt and event.attempt > 1)
    if event.status is Status.RUNNING:
        worker = f" on {data['worker']}" if data.get("worker") else " in Prefect" if event.actor == PREFECT else ""
        return [stage, TextPart(f" started{worker}" + (f", attempt {event.attempt}" if is_retry else ""))]
    if event.status is Status.QUEUED and data.get("reason") == Reason.LIMIT:
        return [stage, TextPart(" is waiting for a slot of a concurrency limit")]
    if event.status is Status.WAITING:
        if data.get("reason") == "retry":
            return [stage, TextPart(f" will run again later, as attempt {event.attempt}")]
        if data.get("reason") == Reason.PAUSED:
            return [stage, TextPart(" was paused in Prefect")]
        return [stage, TextPart(" is waiting for " + ("approval" if data.get("reason") == "approval" else "a report"))]
    if event.status is Status.SKIPPED and event.actor:
        return [TextPart(event.actor, True), TextPart(" skipped "), stage]
    if event.status is Status.SKIPPED and data.get("reason") == "upstream":
        return [stage, TextPart(" skipped: a stage it needs did not complete")]
    if event.status is Status.LOST and data.get("reason") == "superseded":
        return [stage, TextPart(" was lost: the next run began before its end was reported")]
    ending = f" {_ENDINGS.get(event.status, str(event.status))}" if event.status else ""
    if event.status is Status.LOST and event.actor == PREFECT:
        ending = " was lost"
    attempt = f" on attempt {event.attempt}" if is_retry else ""
    error = str(data.get("error_message") or "").strip().split("\n")[0][:MAX_TEXT_LENGTH]
    records = data.get("records_processed")
    message = _get_first_line(event)
    details = f": {error}" if error else f", {pluralize(records, 'record')}" if isinstance(records, int) else ""
    details += f": {message}" if message and not error else ""
    actor = f", by {event.actor}" if event.actor and event.status is Status.CANCELLED else ""
    return [stage, TextPart(f"{ending}{attempt}{details}"), TextPart(actor)]


def _describe_progress(event: EventView) -> Sentence:
    records = event.data.get("records_processed")
    if isinstance(records, int):
        return [_get_stage(event), TextPart(f" reported {pluralize(records, 'record')}")]
    message = _get_first_line(event)
    return [_get_stage(event), TextPart(f": {message}" if message else " reported progress")]


def _describe_cancel_request(event: EventView) -> Sentence:
    return [_get_actor(event), TextPart(" cancelled the run"), TextPart(_get_message(event))]


def _describe_verdict(event: EventView) -> Sentence:
    return [
        TextPart(event.actor or "A report", event.actor is not None),
        TextPart(f" ended the run as {event.status}"),
        TextPart(_get_message(event)),
    ]


def _describe_reminder(event: EventView) -> Sentence:
    return [_get_stage(event), TextPart(" is still waiting for approval")]


def _describe_refused_report(event: EventView) -> Sentence:
    reporter, problem = event.actor or "unknown reporter", str(event.data.get("problem", "not possible now"))
    return [TextPart(f"Report from {reporter} about "), _get_stage(event), TextPart(" was refused: "), TextPart(problem)]


def _describe_late_report(event: EventView) -> Sentence:
    status = event.data.get("status") or event.status or "another status"
    return [TextPart("Late report: "), _get_stage(event), TextPart(f" {status}")]


def _describe_reopening(event: EventView) -> Sentence:
    action = {"retry": " retried the run", "skip": " skipped a stage and continued the run"}.get(
        str(event.data.get("act")), " reopened the run"
    )
    stages = event.data.get("stages")
    names = f", from {format_names([str(stage) for stage in stages])}" if isinstance(stages, list | tuple) and stages else ""
    return [_get_actor(event), TextPart(action + names + _get_message(event))]


def _describe_stage_retry(event: EventView) -> Sentence:
    attempt = f" (attempt {event.attempt})" if event.attempt else ""
    actor = f", retried by {event.actor}" if event.actor else ""
    return [_get_stage(event), TextPart(f" will run again{attempt}{actor}")]


def _describe_stage_cancel(event: EventView) -> Sentence:
    return [_get_actor(event), TextPart(" cancelled "), _get_stage(event), TextPart(_get_message(event))]


def _describe_decision(event: EventView) -> Sentence:
    decision = " approved " if event.data.get("approved") else " rejected "
    return [_get_actor(event), TextPart(decision), _get_stage(event), TextPart(_get_message(event))]


def _describe_limit(event: EventView) -> Sentence:
    names = sorted({_name_limit(str(bucket)) for bucket in event.data.get("buckets") or ()})
    return [TextPart("The run is waiting for a slot" + (f" of {format_names(names)}" if names else ""))]


def _name_limit(bucket: str) -> str:
    return bucket.removeprefix("group:") if bucket.startswith("group:") else "its pipeline"


def _describe_grant(event: EventView) -> Sentence:
    """Return that the run or a stage got its slots, after how long, or who let it start over the limit."""
    if event.data.get("over_limit"):
        return [_get_actor(event), TextPart(" started "), _get_stage(event), TextPart(" over the limit", True)]
    waited = event.data.get("waited")
    after = f" after {format_duration(waited)}" if isinstance(waited, int | float) and waited >= 1 else ""
    return [_get_stage(event) if event.stage else TextPart("The run"), TextPart(f" got its slot{after}")]


def _describe_dispatch(text: str) -> Callable[[EventView], Sentence]:
    """Return a describer that fills `{pool}` and `{worker}` into a text."""

    def describe(event: EventView) -> Sentence:
        return [TextPart(text.format(pool=event.data.get("pool", ""), worker=event.actor or "a worker"))]

    return describe


def _describe_prefect_note(event: EventView) -> Sentence:
    """Return what Prefect said about the flow run of a stage, or of a dispatch."""
    state, flow_run = str(event.data.get("state") or ""), event.data.get("flow_run")
    if event.stage is not None and isinstance(flow_run, str):
        return [TextPart("Prefect created the "), TextPart("flow run", flow_run=flow_run), TextPart(" of "), _get_stage(event)]
    note = str(event.data.get("message") or state).split("\n")[0][:MAX_TEXT_LENGTH]
    if event.stage is not None:
        return [_get_stage(event), TextPart(f" in Prefect: {_FLOW_RUN_STATES.get(note, note)}")]
    return [TextPart(f"Prefect: {note}" if note else "Recorded in Prefect")]


def _describe_unknown(event: EventView) -> Sentence:
    return [TextPart(str(event.type).replace(".", " ").replace("_", " "))]


_FLOW_RUN_STATES = {
    "Scheduled": "scheduled",
    "Late": "late, no worker has started it yet",
    "AwaitingConcurrencySlot": "waits for a slot of a concurrency limit",
    "AwaitingRetry": "failed, and will run again",
    "Pending": "assigned to a worker",
    "Cancelling": "being cancelled",
    "Cancelled": "cancelled",
}
"""The names that Prefect gives the states of a flow run, in words."""
_ENDINGS = {
    Status.QUEUED: "queued",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.CANCELLED: "was cancelled",
    Status.SKIPPED: "skipped",
    Status.LOST: "was lost: its worker stopped responding",
}
EVENT_DESCRIPTIONS: dict[EventType, Callable[[EventView], Sentence]] = {
    EventType.RUN_OPENED: _describe_opening,
    EventType.RUN_MOVED: _describe_run_status,
    EventType.STAGE_MOVED: _describe_stage_status,
    EventType.STAGE_PROGRESS: _describe_progress,
    EventType.RUN_REOPENED: _describe_reopening,
    EventType.RUN_LIMITED: _describe_limit,
    EventType.RUN_GRANTED: _describe_grant,
    EventType.STAGE_GRANTED: _describe_grant,
    EventType.STAGE_RETRIED: _describe_stage_retry,
    EventType.STAGE_CANCEL_REQUESTED: _describe_stage_cancel,
    EventType.STAGE_DECIDED: _describe_decision,
    EventType.STAGE_REMINDED: _describe_reminder,
    EventType.CANCEL_REQUESTED: _describe_cancel_request,
    EventType.VERDICT_GIVEN: _describe_verdict,
    EventType.REPORT_REFUSED: _describe_refused_report,
    EventType.REPORT_LATE: _describe_late_report,
    EventType.DISPATCH_REQUESTED: _describe_dispatch("Waiting for a worker in pool {pool}"),
    EventType.DISPATCH_CLAIMED: _describe_dispatch("Assigned to {worker}"),
    EventType.DISPATCH_ENDED: _describe_dispatch("Released by {worker}"),
    EventType.DISPATCH_LOST: _describe_dispatch("Lost: {worker} stopped responding"),
    EventType.DISPATCH_CLOSED: _describe_dispatch("No longer waiting for a worker"),
    EventType.PREFECT_NOTED: _describe_prefect_note,
}
"""A describer for each event type. A test checks that none is missing."""
