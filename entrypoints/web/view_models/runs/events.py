"""A run's history in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from application.queries.explain.status_text import TextPart
from application.queries.views.events import EventView
from domain.runs.events import EventType
from domain.runs.status import Status
from entrypoints.web.view_models.formatting import Sentence, StatusLabel, Timestamp, format_time, get_status_label, pluralize, triggered_by


@dataclass(frozen=True, slots=True)
class EventItem:
    seq: int
    at: Timestamp | None
    status: StatusLabel | None
    sentence: Sentence


def build_event_items(events: Sequence[EventView]) -> list[EventItem]:
    return [
        EventItem(event.seq, format_time(event.at), get_status_label(event.status) if event.status else None, sentence(event))
        for event in events
    ]


def sentence(event: EventView) -> Sentence:
    parts = EVENT_DESCRIPTIONS.get(event.type, _plain)(event)
    return [part for part in parts if part.text]


def _stage(event: EventView) -> TextPart:
    return TextPart(event.stage or "the run", event.stage is not None)


def _opened(event: EventView) -> Sentence:
    how = triggered_by(str(event.data.get("trigger", "api")), event.actor)
    return [TextPart(f"Run #{event.data.get('number', '')} triggered: "), TextPart(how[0].lower() + how[1:])]


def _run_moved(event: EventView) -> Sentence:
    if event.status is None or not event.status.is_terminal:
        return [TextPart(f"The run is {event.status}")]
    return [TextPart("The run "), TextPart(_ENDS.get(event.status, str(event.status)), True)]


def _moved(event: EventView) -> Sentence:
    data = event.data
    again = f" on attempt {event.attempt}" if event.attempt and event.attempt > 1 else ""
    if event.status is Status.RUNNING:
        worker = f" on {data['worker']}" if data.get("worker") else ""
        return [_stage(event), TextPart(f" started{worker}" + (f", attempt {event.attempt}" if again else ""))]
    if event.status is Status.WAITING:
        if data.get("reason") == "retry":
            return [_stage(event), TextPart(f" waits before attempt {event.attempt}")]
        what = "to be approved" if data.get("reason") == "approval" else "for a report"
        return [_stage(event), TextPart(f" waits {what}")]
    if event.status is Status.SKIPPED and event.actor:
        return [TextPart(event.actor, True), TextPart(" skipped "), _stage(event)]
    if event.status is Status.SKIPPED and data.get("reason") == "upstream":
        return [_stage(event), TextPart(" skipped: a stage it needs did not complete")]
    ended = f" {_ENDS.get(event.status, str(event.status))}" if event.status else ""
    said = str(data.get("error_message") or "").strip().split("\n")[0][:160]
    records = data.get("records_processed")
    tail = f": {said}" if said else f", {pluralize(records, 'record')}" if isinstance(records, int) else ""
    return [
        _stage(event),
        TextPart(f"{ended}{again}{tail}"),
        TextPart(f", by {event.actor}" if event.actor and event.status is Status.CANCELLED else ""),
    ]


def _progress(event: EventView) -> Sentence:
    records = event.data.get("records_processed")
    if isinstance(records, int):
        return [_stage(event), TextPart(f" reported {pluralize(records, 'record')}")]
    said = str(event.data.get("message") or "").split("\n")[0][:160]
    return [_stage(event), TextPart(f": {said}" if said else " reported progress")]


def _cancel(event: EventView) -> Sentence:
    return [TextPart(event.actor or "Someone", event.actor is not None), TextPart(" asked to cancel the run"), TextPart(_message(event))]


def _verdict(event: EventView) -> Sentence:
    return [
        TextPart(event.actor or "A report", event.actor is not None),
        TextPart(f" ended the run as {event.status}"),
        TextPart(_message(event)),
    ]


def _reminded(event: EventView) -> Sentence:
    return [_stage(event), TextPart(" still waits for approval")]


def _message(event: EventView) -> str:
    said = event.data.get("message")
    return f": {said}" if said else ""


def _refused(event: EventView) -> Sentence:
    who = event.actor or "someone"
    return [
        TextPart(f"A report of {who} about "),
        _stage(event),
        TextPart(" was refused: "),
        TextPart(str(event.data.get("problem", "not possible now"))),
    ]


def _late(event: EventView) -> Sentence:
    said = event.data.get("status") or event.status or "another end"
    return [TextPart("Late report: "), _stage(event), TextPart(f" was said to be {said}")]


def _reopened(event: EventView) -> Sentence:
    act = {"retry": " took the run up again", "skip": " let the run go on without a stage"}.get(
        str(event.data.get("act")), " reopened the run"
    )
    stages = event.data.get("stages")
    at = f", at {', '.join(map(str, stages))}" if isinstance(stages, list | tuple) and stages else ""
    return [_who(event), TextPart(act + at + _message(event))]


def _retried(event: EventView) -> Sentence:
    return [
        _who(event),
        TextPart(" had "),
        _stage(event),
        TextPart(f" tried again, as attempt {event.attempt}" if event.attempt else " tried again"),
    ]


def _stage_cancel(event: EventView) -> Sentence:
    return [_who(event), TextPart(" asked to end "), _stage(event), TextPart(_message(event))]


def _decided(event: EventView) -> Sentence:
    did = " approved " if event.data.get("approved") else " rejected "
    return [_who(event), TextPart(did), _stage(event), TextPart(_message(event))]


def _who(event: EventView) -> TextPart:
    return TextPart(event.actor or "Someone", event.actor is not None)


def _dispatch(words: str) -> Callable[[EventView], Sentence]:
    def told(event: EventView) -> Sentence:
        number = event.data.get("dispatch", "")
        return [TextPart(words.format(dispatch=number, pool=event.data.get("pool", ""), who=event.actor or "A worker"))]

    return told


def _prefect(event: EventView) -> Sentence:
    said = event.data.get("message") or event.data.get("state")
    return [TextPart(f"Prefect: {said}" if said else f"Prefect has dispatch {event.data.get('dispatch', '')} on record")]


def _plain(event: EventView) -> Sentence:
    return [TextPart(str(event.type).replace(".", " ").replace("_", " "))]


_ENDS = {
    Status.QUEUED: "queued",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.CANCELLED: "was cancelled",
    Status.SKIPPED: "skipped",
    Status.LOST: "was lost: its worker stopped answering",
}
EVENT_DESCRIPTIONS: dict[EventType, Callable[[EventView], Sentence]] = {
    EventType.RUN_OPENED: _opened,
    EventType.RUN_MOVED: _run_moved,
    EventType.STAGE_MOVED: _moved,
    EventType.STAGE_PROGRESS: _progress,
    EventType.RUN_REOPENED: _reopened,
    EventType.STAGE_RETRIED: _retried,
    EventType.STAGE_CANCEL_REQUESTED: _stage_cancel,
    EventType.STAGE_DECIDED: _decided,
    EventType.STAGE_REMINDED: _reminded,
    EventType.CANCEL_REQUESTED: _cancel,
    EventType.VERDICT_GIVEN: _verdict,
    EventType.REPORT_REFUSED: _refused,
    EventType.REPORT_LATE: _late,
    EventType.DISPATCH_REQUESTED: _dispatch("Dispatch {dispatch} asks for a worker of pool {pool}"),
    EventType.DISPATCH_CLAIMED: _dispatch("{who} took dispatch {dispatch}"),
    EventType.DISPATCH_ENDED: _dispatch("Dispatch {dispatch} ended"),
    EventType.DISPATCH_LOST: _dispatch("Dispatch {dispatch} was lost: {who} stopped answering"),
    EventType.DISPATCH_CLOSED: _dispatch("Dispatch {dispatch} was closed before a worker took it"),
    EventType.PREFECT_NOTED: _prefect,
}
