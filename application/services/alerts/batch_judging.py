"""Judges one page of the change feed by alert rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from application.observability.alert_telemetry import AlertTelemetry
from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.run_facts import RunFacts
from application.ports.persistence.unit_of_work import UnitOfWork
from application.ports.queries.change_feed import ChangeBatch
from application.queries.views.events import EventView, SiteEventView
from application.services.alerts.expectation_facts import ExpectationFacts
from application.services.alerts.incident_changes import IncidentChanges
from application.services.alerts.judged_facts import build_missed_facts, build_run_facts
from application.services.alerts.rule_judging import apply_facts, get_rules
from application.services.alerts.rule_removal import RULE_EVENT_TYPES, close_removed
from domain.alerts.concurrency_key import has_concurrency_key
from domain.alerts.incident_entry import IncidentEntry
from domain.alerts.message import Transition
from domain.alerts.rule import EXPECTATION_EVENTS, SiteRule
from domain.runs.events import EventType
from domain.runs.status import Reason, Status
from domain.site_events import SiteEventType


class PlanMessages(Protocol):
    async def plan(self, work: UnitOfWork, transitions: Sequence[Transition], now: datetime) -> None:
        """Store the messages for changes of incidents, and their deliveries. The incidents are locked."""
        ...


@dataclass(frozen=True, slots=True)
class JudgedBatch:
    """What a page changed. `judgements` is the number of facts, each counted for each rule."""

    judgements: int = 0
    entries: Sequence[IncidentEntry] = ()
    transitions: Sequence[Transition] = ()
    has_new_rules: bool = False
    has_expected_runs: bool = False

    @property
    def changed(self) -> bool:
        return bool(self.entries or self.transitions)


@dataclass(frozen=True, slots=True)
class _Page:
    """The events of a page that may concern rules, the pipelines that exist of them, and those of these that have rules."""

    events: Sequence[EventView]
    ticks: Sequence[SiteEventView]
    rule_events: Sequence[SiteEventView]
    site_rules: Sequence[SiteRule]
    pipelines: Mapping[int, StoredPipeline]
    ruled: Mapping[int, StoredPipeline]

    @property
    def expecting(self) -> list[StoredPipeline]:
        """The pipelines of runs whose expectations a rule reports, each once."""
        found = {event.pipeline_id: self.ruled[event.pipeline_id] for event in self.events if event.pipeline_id in self.ruled}
        return [pipeline for pipeline in found.values() if expects(pipeline, self.site_rules)]


@dataclass(frozen=True, slots=True)
class BatchJudging:
    """Judges the events of a page in a transaction in which the position is locked. The number of statements has a bound."""

    planner: PlanMessages
    expectation_facts: ExpectationFacts
    telemetry: AlertTelemetry

    async def judge(self, work: UnitOfWork, batch: ChangeBatch, now: datetime) -> JudgedBatch:
        """Store what the page changes, and plan the messages. There is a span only if rules apply to pipelines of the page."""
        page = await _read_page(work, batch)
        if page is None:
            return JudgedBatch()
        if not page.ruled:
            return await self._judge_page(work, page, now)
        with self.telemetry.trace_judge("AlertJudge") as span:
            result = await self._judge_page(work, page, now)
            span.tag(changes=batch.event_count, judgements=result.judgements, messages=len(result.transitions))
        return result

    async def _judge_page(self, work: UnitOfWork, page: _Page, now: datetime) -> JudgedBatch:
        changes = IncidentChanges()
        runs = await _find_runs(work, page.events, page.ruled)
        expecting = page.expecting
        collected = await self.expectation_facts.collect(work, expecting, now, ended={event.run_id for event in page.events})
        facts = build_run_facts(page.events, page.ruled, runs) + build_missed_facts(page.ticks, page.ruled)
        facts = [*collected.facts, *facts]  # what was wrong with a run comes before its end at the same time
        judgements = await apply_facts(work, sorted(facts, key=lambda judged: judged.fact.at), page.site_rules, changes)
        await close_removed(work, page.rule_events, page.pipelines, page.site_rules, changes, now)
        transitions = await changes.store(work, now)
        await self.planner.plan(work, transitions, now)
        return JudgedBatch(judgements, changes.entries, transitions, bool(page.rule_events), bool(expecting))


def expects(pipeline: StoredPipeline, site_rules: Sequence[SiteRule]) -> bool:
    """Return True if a rule reports how the pipeline's expectations are met."""
    rules = get_rules(pipeline, site_rules) if pipeline.definition.expect else ()
    return any(not EXPECTATION_EVENTS.isdisjoint(keyed.rule.on) for keyed in rules)


def _concerns_rules(event: EventView) -> bool:
    """Return True if the event may be a fact. Most moves of stages are none."""
    if event.type is EventType.STAGE_MOVED:
        return event.status is Status.WAITING and event.data.get("reason") == Reason.APPROVAL
    return True


async def _read_page(work: UnitOfWork, batch: ChangeBatch) -> _Page | None:
    """Read the rules and the pipelines of a page. Return None if none of its events concerns rules."""
    events = [event for event in batch.events if _concerns_rules(event)]
    rule_events = [event for event in batch.site_events if event.type in RULE_EVENT_TYPES]
    ticks = [event for event in batch.site_events if event.type is SiteEventType.TICK]
    if not events and not rule_events and not ticks:
        return None
    site_rules = await work.alert_rules.list_all()
    ids = {event.pipeline_id for event in events} | {event.pipeline_id or 0 for event in [*ticks, *rule_events]}
    found = {each.id: each for each in (await work.pipelines.find_many(ids)).values()}
    ruled = {id: pipeline for id, pipeline in found.items() if get_rules(pipeline, site_rules)}
    return _Page(events, ticks, rule_events, site_rules, found, ruled)


async def _find_runs(work: UnitOfWork, events: Sequence[EventView], pipelines: Mapping[int, StoredPipeline]) -> Mapping[int, RunFacts]:
    ids = {event.run_id for event in events if event.pipeline_id in pipelines}
    keyed = [id for id, pipeline in pipelines.items() if has_concurrency_key(pipeline.definition)]
    return await work.runs.find_facts(ids, keyed) if ids else {}
