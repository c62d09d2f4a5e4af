"""A Headgate on fakes whose runs fail as tests order, with alert rules, and channels whose messages are kept with their times."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, NamedTuple

from application.ports.delivery.outgoing_message import OutgoingMessage
from domain.alerts.channel import Channel
from domain.alerts.incident import Incident
from tests.fakes.delivery.channel_sender import FakeChannelSender
from tests.fakes.system.clock import START, FakeClock
from tests.support.actions import worker_report
from tests.support.incidents import AlertingHeadgate
from tests.support.stored_alerts import add_channel

ERROR = "KeyError: 'customer'"


class Arrival(NamedTuple):
    """A message that arrived, with the seconds since the start of the test."""

    at: float
    channel: str
    kind: str
    subject: str


class ClockedSender(FakeChannelSender):
    """`arrivals` are the accepted messages in the order in which they arrived."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.arrivals: list[Arrival] = []

    async def send(self, channel: Channel, message: OutgoingMessage) -> None:
        await super().send(channel, message)
        seconds = (self._clock.now() - START).total_seconds()
        self.arrivals.append(Arrival(seconds, channel.name, message.kind.value, message.subject))


class WatchedHeadgate(AlertingHeadgate):
    """`step` runs the services of alerts in all processes, as their loops do."""

    def __init__(self, processes: int = 1) -> None:
        clock = FakeClock()
        self.sender = ClockedSender(clock)
        super().__init__(clock=clock, ports={"channel_sender": self.sender})
        self.processes: list[AlertingHeadgate] = [self]
        for _ in range(processes - 1):
            self.start_process()

    def start_process(self) -> None:
        """Start another process on the same store."""
        self.processes.append(AlertingHeadgate(fakes=self.fakes.as_other_process(), ports={"channel_sender": self.sender}))

    def restart(self) -> None:
        """End all processes, and start as many. What they had in memory is lost."""
        count = len(self.processes)
        self.processes = []
        for _ in range(count):
            self.start_process()

    async def add_channels(self, *names: str, **fields: Any) -> None:
        for name in names:
            await add_channel(self.fakes.open_unit_of_work, name, **fields)

    async def watch(self, name: str, *rules: dict[str, Any], **keys: Any) -> int:
        """Create a pipeline with one stage and these rules; by default with one that reports failures to `team`. Return its id."""
        await self.step()
        return await self.use_cases.create_pipeline(1, name, alerts=list(rules) or [{"on": ["failed"], "to": ["team"]}], **keys)

    async def fail(self, name: str, error: str = ERROR, **parameters: Any) -> int:
        """Run the pipeline, whose stage fails, and return the run's id."""
        return await self._run(name, "failed", parameters, error_message=error)

    async def complete(self, name: str, **parameters: Any) -> int:
        """Run the pipeline, whose stage completes, and return the run's id."""
        return await self._run(name, "completed", parameters)

    async def step(self) -> None:
        """Judge what happened and deliver what is due, in all processes at once."""
        for _ in range(2):
            await asyncio.gather(*(each.application.alert_judge().run_once() for each in self.processes))
            await asyncio.gather(*(each.application.delivery_service().run_once() for each in self.processes))

    async def pass_time(self, seconds: float, every: float = 1.0) -> None:
        """Let time pass, and step after each so many seconds."""
        for _ in range(round(seconds / every)):
            self.fakes.clock.advance(every)
            await self.step()

    @property
    def arrivals(self) -> list[Arrival]:
        return self.sender.arrivals

    @property
    def incidents(self) -> list[Incident]:
        return [incident for _, incident in sorted(self.fakes.store.committed.incidents.items())]

    def list_kinds(self, channel: str = "team") -> list[str]:
        """Return the kinds of the messages that arrived in a channel."""
        return [arrival.kind for arrival in self.arrivals if arrival.channel == channel]

    def list_times(self, kind: str, channel: str = "team") -> list[float]:
        """Return when messages of a kind arrived in a channel."""
        return [arrival.at for arrival in self.arrivals if (arrival.kind, arrival.channel) == (kind, channel)]

    async def _run(self, name: str, status: str, parameters: dict[str, Any], **details: Any) -> int:
        run_id = (await self.use_cases.trigger(name, parameters)).run_id
        claim = await self.use_cases.claim(run_id)
        (start,) = claim.starts
        self.fakes.clock.advance(timedelta(milliseconds=1).total_seconds())
        await self.use_cases.advance(run_id, worker_report(run_id, start.stage, status, **details))
        return run_id
