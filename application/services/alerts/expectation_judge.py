"""Judges by alert rules whether other machines start runs when they are expected to, in every web process."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from application.observability.alert_telemetry import AlertTelemetry
from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from application.services.alerts.batch_judging import PlanMessages, expects
from application.services.alerts.expectation_facts import ExpectationFacts
from application.services.alerts.incident_changes import IncidentChanges
from application.services.alerts.judged_facts import JudgedFact
from application.services.alerts.rule_judging import apply_facts
from application.services.dispatch.local_wakeups import LocalWakeups
from domain.alerts.message import Transition
from domain.alerts.rule import SiteRule

MAX_SLEEP_SECONDS: Final = 30.0
MIN_SLEEP_SECONDS: Final = 0.1
"""The shortest sleep, while another process judges."""
_EXTRA_SECONDS: Final = 0.01
"""Added to each sleep: a tick is missed after its last instant."""


class ExpectationJudge:
    """Feeds missed and late runs, and those that take too long, to the rules of their pipelines when they turn out to be that.

    It takes the lock of the alert judge's position, so several processes never judge the same tick. A tick or a run that a rule's state
    has already changes nothing.
    """

    def __init__(
        self,
        open_unit_of_work: OpenUnitOfWork,
        facts: ExpectationFacts,
        planner: PlanMessages,
        clock: Clock,
        wakeups: LocalWakeups,
        telemetry: AlertTelemetry,
    ) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._facts = facts
        self._planner = planner
        self._clock = clock
        self._wakeups = wakeups
        self._telemetry = telemetry
        self._next_at: datetime | None = None
        """When the next tick may be missed, or a run take too long; None if nothing is expected."""
        self._is_locked = True
        """Whether another process judged at the last pass. True before the first one."""

    async def wait(self) -> None:
        """Return when the next tick may be missed, when rules or expected runs changed, after MAX_SLEEP_SECONDS at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._get_sleep_seconds()):
                await self._wakeups.expectations.wait()

    async def run_once(self) -> None:
        """Judge all expectations that a rule reports."""
        self._wakeups.expectations.clear()
        async with self._open_unit_of_work() as work:
            site_rules, pipelines = await self._find_pipelines(work)
            self._next_at, self._is_locked = None, False
            if not pipelines:
                return
            if await work.incidents.lock_position() is None:
                self._is_locked = True
                return
            transitions = await self._judge(work, pipelines, site_rules)
        if transitions:
            self._wakeups.notify_deliveries_changed()

    async def _find_pipelines(self, work: UnitOfWork) -> tuple[Sequence[SiteRule], list[StoredPipeline]]:
        if not await work.alert_rules.has_any():
            return (), []
        site_rules = await work.alert_rules.list_all()
        found = await work.pipelines.find_many(await work.pipelines.find_expecting())
        return site_rules, [pipeline for pipeline in found.values() if expects(pipeline, site_rules)]

    async def _judge(self, work: UnitOfWork, pipelines: Sequence[StoredPipeline], site_rules: Sequence[SiteRule]) -> Sequence[Transition]:
        now = self._clock.now()
        judged = await self._facts.collect(work, pipelines, now)
        transitions = await self._apply(work, judged.facts, site_rules, now) if judged.facts else []
        self._next_at = judged.next_at
        return transitions

    async def _apply(
        self, work: UnitOfWork, facts: Sequence[JudgedFact], site_rules: Sequence[SiteRule], now: datetime
    ) -> Sequence[Transition]:
        changes = IncidentChanges()
        with self._telemetry.trace_judge("ExpectationJudge") as span:
            judgements = await apply_facts(work, sorted(facts, key=lambda each: each.fact.at), site_rules, changes)
            transitions = await changes.store(work, now)
            await self._planner.plan(work, transitions, now)
            await work.commit()
            span.tag(judgements=judgements, messages=len(transitions))
        if changes.entries:
            self._telemetry.count(changes.entries)
            self._wakeups.notify_committed()
        return transitions

    def _get_sleep_seconds(self) -> float:
        if self._is_locked:
            return MIN_SLEEP_SECONDS
        if self._next_at is None:
            return MAX_SLEEP_SECONDS
        return min(MAX_SLEEP_SECONDS, max(MIN_SLEEP_SECONDS, (self._next_at - self._clock.now()).total_seconds() + _EXTRA_SECONDS))
