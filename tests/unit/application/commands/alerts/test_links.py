"""Links of messages: each acts once, and only with its token."""

from __future__ import annotations

from datetime import timedelta

import pytest

from application.queries.alerts.describe_link import LinkState, LinkView
from domain.access.actor import Actor
from domain.alerts.incident import IncidentState
from domain.alerts.message import MessageKind, Transition
from domain.errors import Conflict, NotFound
from domain.runs.status import Status
from tests.support.deliveries import a_rule
from tests.support.incidents import AlertingHeadgate
from tests.support.stored_alerts import add_channel, an_incident


class LinkedHeadgate(AlertingHeadgate):
    """Its channel `team` has received a message about a failed run."""

    async def start(self, count: int = 1) -> LinkedHeadgate:
        await add_channel(self.fakes.open_unit_of_work)
        self.pipeline_id = await self.add_pipeline()
        self.run_id = (await self.use_cases.trigger("nightly")).run_id
        await self.use_cases.claim(self.run_id)
        await self.use_cases.advance(self.run_id, ("load", "failed"))
        await self.open_incidents(count)
        return self

    async def open_incidents(self, count: int) -> None:
        now = self.fakes.clock.now()
        new = [
            an_incident(self.pipeline_id, rule_key=f"rule-{n}", opened_at=now, cause="fingerprint:a", last_run_id=self.run_id)
            for n in range(count)
        ]
        async with self.fakes.open_unit_of_work() as work:
            stored = await work.incidents.add(new)
            opened = [Transition(each, MessageKind.OPENED, a_rule(), self.pipeline_id, self.run_id, now) for each in stored]
            await self.application.message_planner().plan(work, opened, now)
            await work.commit()
        await self.application.delivery_service().run_once()
        self.fakes.clock.advance(31)
        await self.application.delivery_service().run_once()

    def get_token(self, label: str) -> str:
        """Return the token of a link in the last message."""
        message = self.fakes.channel_sender.sent["team"][-1]
        return next(link.url for link in message.links if link.label.startswith(label)).rsplit("/", 1)[1]

    async def describe(self, token: str) -> LinkView:
        view: LinkView = await self.application.describe_link()(token)
        return view

    async def use(self, token: str, actor: Actor = Actor()) -> LinkView:  # noqa: B008
        view: LinkView = await self.application.use_link()(token, actor)
        return view


async def test_a_link_acknowledges_the_incident_once() -> None:
    headgate = await LinkedHeadgate().start()
    token = headgate.get_token("Acknowledge")
    seen = await headgate.describe(token)

    used = await headgate.use(token)

    assert (seen.state, seen.incident_id, seen.channel) == (LinkState.VALID, 1, "team")
    assert seen.subject == "nightly#1 failed at a: ValueError"
    assert used.result == "Incident acknowledged."
    incident = headgate.find_incident(1)
    assert (incident.state, incident.acknowledged_by) == (IncidentState.ACKNOWLEDGED, "a reader of team")
    assert (await headgate.describe(token)).state is LinkState.USED
    with pytest.raises(Conflict, match="already used"):
        await headgate.use(token)


async def test_a_signed_in_reader_is_named() -> None:
    headgate = await LinkedHeadgate().start()

    await headgate.use(headgate.get_token("Acknowledge"), Actor("ada"))

    assert headgate.find_incident(1).acknowledged_by == "ada"


async def test_a_link_retries_the_run_once() -> None:
    headgate = await LinkedHeadgate().start()
    token = headgate.get_token("Retry")

    used = await headgate.use(token)

    assert used.result == "Retrying nightly#1."
    assert (await headgate.use_cases.get_run(headgate.run_id)).status is not Status.FAILED
    with pytest.raises(Conflict):
        await headgate.use(token)


async def test_the_link_of_a_group_acknowledges_all_its_incidents() -> None:
    headgate = await LinkedHeadgate().start(9)

    used = await headgate.use(headgate.get_token("Acknowledge all"))

    assert used.result == "4 incidents acknowledged."
    states = [headgate.find_incident(id).state for id in range(1, 10)]
    assert states == [IncidentState.OPEN] * 5 + [IncidentState.ACKNOWLEDGED] * 4


async def test_a_link_of_a_resolved_incident_says_so() -> None:
    headgate = await LinkedHeadgate().start()
    token = headgate.get_token("Acknowledge")
    await headgate.application.resolve_incident()(1, Actor("ada"))

    with pytest.raises(Conflict, match="resolved"):
        await headgate.use(token)


async def test_a_link_expires_after_a_week() -> None:
    headgate = await LinkedHeadgate().start()
    token = headgate.get_token("Acknowledge")
    headgate.fakes.clock.advance(timedelta(days=7, seconds=1).total_seconds())

    assert (await headgate.describe(token)).state is LinkState.EXPIRED
    with pytest.raises(Conflict, match="7 days"):
        await headgate.use(token)


@pytest.mark.parametrize(
    "token", ["", "x", "hga1.e30.x", "fake-secret-acknowledge-99-1772442000", "fake-other-acknowledge-1-1772442000", "é" * 10]
)
async def test_other_tokens_are_unknown(token: str) -> None:
    headgate = await LinkedHeadgate().start()

    assert (await headgate.describe(token)).state is LinkState.UNKNOWN
    with pytest.raises(NotFound):
        await headgate.use(token)
