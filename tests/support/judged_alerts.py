"""A store whose runs are judged by alert rules, and what the judges would send."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.system.cronsim_expressions import CronsimExpressions
from adapters.telemetry.null import NullTelemetry
from application.observability.alert_telemetry import AlertTelemetry
from application.ports.persistence.alert_rules import NewSiteRule
from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.queries.change_feed import ChangeFeed
from application.services.alerts.alert_judge import AlertJudge
from application.services.alerts.batch_judging import BatchJudging
from application.services.alerts.expectation_facts import ExpectationFacts
from application.services.alerts.expectation_judge import ExpectationJudge
from application.services.dispatch.local_wakeups import LocalWakeups
from domain.alerts.incident import Incident
from domain.alerts.message import Transition
from domain.alerts.parsing import parse_rule
from domain.alerts.rule import SiteRule
from domain.concurrency.slots import SlotState
from domain.reports.judging import judge_report
from domain.reports.report import Report, Reporter
from domain.runs.run import Run
from domain.runs.status import Status
from domain.runs.trigger import Trigger
from domain.site_events import SiteEvent, SiteEventType
from tests.fakes.dispatch.worker_streams import FakeWorkerStreams
from tests.fakes.system.clock import FakeClock
from tests.support.builders import WORKER, a_definition, a_stage

RULE: Final[dict[str, Any]] = {"name": "team", "on": ["failed", "lost", "missed", "late", "overrun", "waiting"], "to": ["team"]}


@dataclass
class RecordedPlanner:
    """Records the transitions of committed and of discarded transactions alike. `error` is raised by the next call."""

    planned: list[Transition] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    async def plan(self, work: UnitOfWork, transitions: Sequence[Transition], now: datetime) -> None:
        if transitions and self.errors:
            raise self.errors.pop()
        self.planned += transitions


class JudgedStore:
    """Writes pipelines and runs to a store, and steps the judges over it. `clock` is that of the runs and of the judges."""

    def __init__(self, open_unit_of_work: OpenUnitOfWork, feed: ChangeFeed) -> None:
        self.open_unit_of_work = open_unit_of_work
        self.clock = FakeClock()
        self.planner: Any = RecordedPlanner()
        self.wakeups = LocalWakeups(FakeWorkerStreams(), frozenset())
        self.facts = ExpectationFacts(CronsimExpressions())
        self.judge = self.create_judge(open_unit_of_work, feed)
        telemetry = AlertTelemetry(NullTelemetry())
        self.expectation_judge = ExpectationJudge(open_unit_of_work, self.facts, self.planner, self.clock, self.wakeups, telemetry)

    def create_judge(self, open_unit_of_work: OpenUnitOfWork, feed: ChangeFeed) -> AlertJudge:
        """Return the judge of another process."""
        telemetry = AlertTelemetry(NullTelemetry())
        judging = BatchJudging(self.planner, self.facts, telemetry)
        return AlertJudge(open_unit_of_work, feed, judging, self.clock, self.wakeups, telemetry)

    @property
    def sent(self) -> list[str]:
        """The messages so far: the kind, and the event of a notice."""
        return [each.kind.value if each.incident else f"{each.kind.value}:{each.event}" for each in self.planner.planned]

    async def add_pipeline(self, name: str = "nightly", *rules: dict[str, Any], stages: Any = 1, **keys: Any) -> StoredPipeline:
        """Store a pipeline with rules; RULE by default."""
        definition = a_definition(name, stages, alerts=list(rules or (RULE,)), **keys)
        async with self.open_unit_of_work() as work:
            stored = await work.pipelines.add(definition, self.clock.now())
            await work.channels.set_uses(stored.id, {channel for rule in definition.alerts for channel in rule.channels})
            await work.commit()
        return stored

    async def change_pipeline(self, pipeline: StoredPipeline, *rules: dict[str, Any], **keys: Any) -> StoredPipeline:
        definition = a_definition(pipeline.name, 1, alerts=list(rules), **keys)
        async with self.open_unit_of_work() as work:
            await work.pipelines.find(pipeline.id, lock=True)
            stored = await work.pipelines.revise(pipeline.id, definition, self.clock.now())
            await work.site_events.add([SiteEvent(SiteEventType.PIPELINE_CHANGED, self.clock.now(), pipeline.id)])
            await work.commit()
        return stored

    async def add_site_rule(self, *tags: str, **keys: Any) -> SiteRule:
        async with self.open_unit_of_work() as work:
            rule = await work.alert_rules.add(NewSiteRule(parse_rule(RULE | keys), tags, self.clock.now(), "ada"))
            await work.site_events.add([SiteEvent(SiteEventType.ALERT_RULES_CHANGED, self.clock.now(), data={"name": rule.rule.name})])
            await work.commit()
        return rule

    async def open_run(self, pipeline: StoredPipeline, **parameters: Any) -> int:
        """Store a run that began a second later."""
        self.clock.advance(1)
        async with self.open_unit_of_work() as work:
            (run,) = await self._open(work, pipeline, 1, parameters)
            await work.runs.add(run)
            await work.commit()
        return run.id

    async def end(self, pipeline: StoredPipeline, *ends: Status, error: str = "ValueError: no", **parameters: Any) -> list[int]:
        """Store runs that ended so, one second after the other, in one transaction."""
        async with self.open_unit_of_work() as work:
            runs = await self._open(work, pipeline, len(ends), parameters)
            for run, end in zip(runs, ends, strict=True):
                self.clock.advance(1)
                end_run(run, end, self.clock.now(), error)
            await work.runs.add_all(runs)
            await work.commit()
        return [run.id for run in runs]

    async def change_run(self, run_id: int, change: Any) -> None:
        self.clock.advance(1)
        async with self.open_unit_of_work() as work:
            run = (await work.runs.lock([run_id]))[run_id]
            change(run, self.clock.now())
            await work.runs.save(run)
            await work.commit()

    async def list_incidents(self, *pipelines: StoredPipeline) -> list[Incident]:
        """Return the unresolved incidents of the pipelines."""
        async with self.open_unit_of_work() as work:
            return [incident for each in pipelines for incident in await work.incidents.lock_unresolved(each.id)]

    async def find_incidents(self) -> list[Incident]:
        """Return the first hundred incidents, resolved or not."""
        async with self.open_unit_of_work() as work:
            return [incident for _, incident in sorted((await work.incidents.find(range(1, 101))).items())]

    async def _open(self, work: UnitOfWork, pipeline: StoredPipeline, count: int, parameters: dict[str, Any]) -> list[Run]:
        await work.pipelines.find(pipeline.id, lock=True)
        first = (await work.runs.next_numbers([pipeline.id]))[pipeline.id]
        return [
            Run.open(
                pipeline_id=pipeline.id,
                definition=pipeline.definition,
                revision=pipeline.revision,
                number=first + index,
                trigger=Trigger("api"),
                parameters=parameters,
                now=self.clock.now(),
            )
            for index in range(count)
        ]


def end_run(run: Run, end: Status, now: datetime, error: str = "ValueError: no") -> None:
    """End a run whose first stage a worker can start, or whose stages are external."""
    if end is Status.CANCELLED:
        run.cancel(now, "ada")
        return
    if run.slot_state is SlotState.WAITING:
        run.grant(None, now, over_limit=True)
    if run.dispatch.state == "requested":
        run.claim(run.dispatch.epoch, WORKER, now)
    run.start_ready_stages(10, WORKER, now)
    for stage in run.running or run.unfinished_stages:
        if end is Status.LOST:
            run.move(stage, Status.LOST, now)
            run.propagate(now)
        else:
            report = Report(end, stage.name, stage.current.number, error_message=error if end is Status.FAILED else None)
            assert judge_report(run, report, Reporter(WORKER, WORKER, run.dispatch.epoch), None, now).applied


def an_external_pipeline() -> list[dict[str, Any]]:
    return [a_stage("load", "external")]


def days(number: float) -> timedelta:
    return timedelta(days=number)
