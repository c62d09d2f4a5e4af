"""Incidents that open and end by hand, and the service that sends the messages about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from application.observability.delivery_tracer import DeliveryTracer
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.queries.reader import Reader
from application.services.alerts.message_planner import MessagePlanner
from application.services.deliveries.action_links import ActionLinks
from application.services.deliveries.delivery_recorder import DeliveryRecorder
from application.services.deliveries.delivery_service import DeliveryService
from application.services.deliveries.due_deliveries import LEASE_SECONDS, DueDeliveries
from application.services.deliveries.message_sender import MessageSender
from application.services.dispatch.local_wakeups import LocalWakeups
from application.services.messages.message_composer import MessageComposer
from domain.alerts.channel import Channel
from domain.alerts.delivery import Delivery
from domain.alerts.incident import Incident, Resolution
from domain.alerts.message import MessageKind, Transition
from domain.alerts.rule import AlertEvent, AlertRule, RuleTarget
from tests.fakes import FakeAdapters
from tests.fakes.access.action_tokens import FakeActionTokens
from tests.fakes.delivery.channel_sender import FakeChannelSender
from tests.fakes.delivery.page_urls import FakePageUrls
from tests.fakes.telemetry.telemetry import FakeTelemetry
from tests.support.stored_alerts import a_channel, an_incident


def a_rule(*targets: str | RuleTarget, **keys: Any) -> AlertRule:
    """Return a rule that sends failures to these channels."""
    to = tuple(RuleTarget(each) if isinstance(each, str) else each for each in targets or ("team",))
    return AlertRule((AlertEvent.FAILED,), to, **keys)


class SendingProcess:
    """The delivery service of one web process."""

    def __init__(self, open_work: Any, clock: Any, reader: Reader, sender: Any, lease_seconds: float = LEASE_SECONDS) -> None:
        self.telemetry = FakeTelemetry()
        self.errors: list[Exception] = []
        self.wakeups = LocalWakeups(FakeAdapters().worker_streams, frozenset())
        urls = FakePageUrls()
        composer = MessageComposer(open_work, reader, urls, clock, "installation-1", lambda _, error: self.errors.append(error))
        self.service = DeliveryService(
            DueDeliveries(open_work, clock, lease_seconds),
            MessageSender(open_work, sender, composer, ActionLinks(FakeActionTokens(), urls)),
            DeliveryRecorder(open_work, clock, self.wakeups),
            clock,
            self.wakeups,
            DeliveryTracer(self.telemetry),
        )


class ShiftedClock:
    """The time of another clock, and so many seconds more."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._shift = timedelta()

    def now(self) -> datetime:
        now: datetime = self._clock.now() + self._shift
        return now

    def advance(self, seconds: float) -> datetime:
        self._shift += timedelta(seconds=seconds)
        return self.now()


class AlertWorld:
    """Channels, incidents and a process that sends, on fakes or on a `database`. `sender` keeps what arrived."""

    def __init__(self, database: Any = None, sender: Any = None, lease_seconds: float = LEASE_SECONDS) -> None:
        self.fakes = FakeAdapters()
        self.clock: Any = self.fakes.clock if database is None else ShiftedClock(database.clock)
        self.open_work: OpenUnitOfWork = self.fakes.open_unit_of_work if database is None else database.open_unit_of_work
        self.reader: Reader = self.fakes.reader if database is None else database.reader
        self.sender = sender or FakeChannelSender()
        self.planner = MessagePlanner()
        self._lease_seconds = lease_seconds
        self.process = self.add_process()

    def add_process(self, open_work: Any = None, sender: Any = None) -> SendingProcess:
        return SendingProcess(open_work or self.open_work, self.clock, self.reader, sender or self.sender, self._lease_seconds)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def add_channels(self, *names: str, **fields: Any) -> None:
        async with self.open_work() as work:
            for name in names:
                await work.channels.add(a_channel(name, **fields))
            await work.commit()

    async def open_incidents(self, *incidents: Incident, rule: AlertRule | None = None) -> list[Incident]:
        """Store incidents in one transaction, with their messages."""
        async with self.open_work() as work:
            stored = await work.incidents.add([replace(each, opened_at=self.now) for each in incidents])
            await self.planner.plan(work, [self._transition(each, MessageKind.OPENED, rule or a_rule()) for each in stored], self.now)
            await work.commit()
        return stored

    async def open_incident(self, rule: AlertRule | None = None, **fields: Any) -> Incident:
        [stored] = await self.open_incidents(an_incident(**fields), rule=rule)
        return stored

    async def resolve(
        self, incident: Incident, rule: AlertRule | None = None, resolution: Resolution = Resolution.RECOVERED, actor: str | None = None
    ) -> None:
        async with self.open_work() as work:
            locked = (await work.incidents.lock([incident.id]))[incident.id]
            resolved = locked.resolve(resolution, self.now, actor)
            await work.incidents.save([resolved])
            await self.planner.plan(work, [self._transition(resolved, MessageKind.RECOVERED, rule)], self.now)
            await work.commit()

    async def change(self, incident: Incident, **fields: Any) -> None:
        async with self.open_work() as work:
            locked = (await work.incidents.lock([incident.id]))[incident.id]
            await work.incidents.save([replace(locked, **fields)])
            await work.commit()

    async def snooze(self, incident: Incident, until: datetime) -> None:
        async with self.open_work() as work:
            locked = (await work.incidents.lock([incident.id]))[incident.id]
            snoozed = locked.snooze("ada", until, self.now)
            await work.incidents.save([snoozed])
            await self.planner.plan_snooze_end(work, snoozed, self.now)
            await work.commit()

    async def send(self, seconds_later: float = 0.0) -> None:
        """Let time pass, and send what is due."""
        self.clock.advance(seconds_later)
        await self.process.service.run_once()

    def subjects(self, channel: str = "team") -> list[str]:
        """Return the subjects of the messages that arrived."""
        return [message.subject for message in self.sender.sent[channel]]

    def kinds(self, channel: str = "team") -> list[str]:
        return [message.kind.value for message in self.sender.sent[channel]]

    def deliveries(self) -> Sequence[Delivery]:
        return [delivery for _, delivery in sorted(self.fakes.store.committed.deliveries.items())]

    def states(self) -> list[str]:
        return [delivery.state.value for delivery in self.deliveries()]

    def incidents(self) -> list[Incident]:
        return [incident for _, incident in sorted(self.fakes.store.committed.incidents.items())]

    def channel(self, name: str) -> Channel:
        return next(row.channel for row in self.fakes.store.committed.channels.values() if row.channel.name == name)

    def _transition(self, incident: Incident, kind: MessageKind, rule: AlertRule | None) -> Transition:
        return Transition(incident, kind, rule, incident.pipeline_id, incident.last_run_id, self.now, AlertEvent.FAILED)
