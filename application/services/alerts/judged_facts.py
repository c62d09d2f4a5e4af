"""What happened to runs, as alert rules judge it, with what an incident says about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.run_facts import FailedStage, RunFacts
from application.queries.views.events import EventView, SiteEventView
from domain.alerts.concurrency_key import get_concurrency_key
from domain.alerts.judging import Fact
from domain.alerts.rule import AlertEvent
from domain.alerts.summary import describe_failure, describe_missed
from domain.pipelines.definition import PipelineDefinition
from domain.runs.events import EventType
from domain.runs.status import Status
from domain.schedules.tick import TickState
from domain.site_events import SiteEventType

RUN_EVENT_TYPES: Final = (EventType.RUN_MOVED,)
"""The events that every rule needs."""
WAIT_EVENT_TYPES: Final = (EventType.STAGE_MOVED, EventType.STAGE_DECIDED)
"""The events that rules need which report approvals. Runs have many of them."""
_ENDS: Final = {
    Status.COMPLETED: AlertEvent.COMPLETED,
    Status.FAILED: AlertEvent.FAILED,
    Status.LOST: AlertEvent.LOST,
    Status.CANCELLED: AlertEvent.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class JudgedFact:
    """A fact about a run or a tick of a pipeline, and how an incident that it opens describes it."""

    pipeline: StoredPipeline
    fact: Fact
    summary: str
    cause: str | None = None
    concurrency_key: str = ""


def build_run_facts(events: Sequence[EventView], pipelines: Mapping[int, StoredPipeline], runs: Mapping[int, RunFacts]) -> list[JudgedFact]:
    """Return the facts of the events whose pipeline and run exist, in the order of their times."""
    facts = []
    for event in events:
        pipeline, run = pipelines.get(event.pipeline_id), runs.get(event.run_id)
        if pipeline is not None and run is not None and (judged := _build_fact(event, pipeline, run)) is not None:
            facts.append(judged)
    return sorted(facts, key=lambda judged: judged.fact.at)


def build_missed_facts(events: Sequence[SiteEventView], pipelines: Mapping[int, StoredPipeline]) -> list[JudgedFact]:
    """Return a fact for each event about ticks of schedules that were missed; it is about the newest of them."""
    facts = []
    for event in events:
        pipeline = pipelines.get(event.pipeline_id or 0)
        if pipeline is not None and event.type is SiteEventType.TICK and event.data.get("state") == TickState.MISSED:
            facts.append(build_missed_fact(pipeline, datetime.fromisoformat(event.data["due_at"]), event.at))
    return facts


def build_missed_fact(pipeline: StoredPipeline, due_at: datetime, at: datetime) -> JudgedFact:
    """Return the fact that no run started for a tick."""
    return JudgedFact(pipeline, Fact(AlertEvent.MISSED, at, due_at=due_at), describe_missed(due_at))


def build_unfinished_fact(pipeline: StoredPipeline, run: RunFacts, event: AlertEvent, at: datetime, summary: str) -> JudgedFact:
    """Return the fact that something is wrong with a run that has not ended."""
    return JudgedFact(pipeline, Fact(event, at, run.id), summary, concurrency_key=_get_key(pipeline.definition, run))


def _build_fact(event: EventView, pipeline: StoredPipeline, run: RunFacts) -> JudgedFact | None:
    key = _get_key(pipeline.definition, run)
    if event.type is not EventType.RUN_MOVED or event.status is None or not event.status.is_terminal:
        return _build_wait(event, pipeline, run, key)
    end = _ENDS.get(event.status)
    if end is None:
        return None
    stage = _find_failed_stage(pipeline.definition, run) if end in (AlertEvent.FAILED, AlertEvent.LOST) else None
    summary = describe_failure(end.value, stage.name if stage else None, stage.error_message if stage else None)
    return JudgedFact(pipeline, Fact(end, event.at, run.id), summary, _get_cause(stage), key)


def _build_wait(event: EventView, pipeline: StoredPipeline, run: RunFacts, key: str) -> JudgedFact | None:
    """Return whether the run waits for an approval now: what the event says may be over."""
    if run.status.is_terminal:
        return None
    if run.waits_for is None:
        return JudgedFact(pipeline, Fact(None, event.at, run.id), "", concurrency_key=key)
    summary = f"waits for an approval at {run.waits_for}"
    return JudgedFact(pipeline, Fact(AlertEvent.WAITING, event.at, run.id), summary, concurrency_key=key)


def _find_failed_stage(definition: PipelineDefinition, run: RunFacts) -> FailedStage | None:
    """Return the first failed stage that is not allowed to fail; without one, the first failed stage."""
    required = [failed for failed in run.failed if (stage := definition.stage(failed.name)) is None or not stage.allow_failure]
    return next(iter(required or run.failed), None)


def _get_cause(stage: FailedStage | None) -> str | None:
    if stage is None:
        return None
    if stage.status is Status.LOST:
        return f"worker:{stage.worker}" if stage.worker else None
    return f"fingerprint:{stage.fingerprint}" if stage.fingerprint else None


def _get_key(definition: PipelineDefinition, run: RunFacts) -> str:
    return get_concurrency_key(definition, run.parameters or {})
