"""Use a link of a message: acknowledge an incident, retry a run, or confirm that a test message arrived."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from application.commands.alerts.acknowledge_incident import AcknowledgeIncident
from application.commands.runs.retry_run import RetryRun, RetryRunCommand
from application.ports.access.action_tokens import LinkAction
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.queries.alerts.describe_link import DescribeLink, LinkState, LinkView, LoadedLink
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.errors import Conflict, NotFound
from domain.runs.run_name import RunName
from domain.site_events import SiteEvent, SiteEventType

GROUP_LIMIT: Final = 1_000
"""Incidents of a group that one link acknowledges."""


@dataclass(frozen=True, slots=True)
class UseLink:
    """Do what a link's token allows, once. It needs no account: everyone who can read the channel may use it."""

    open_unit_of_work: OpenUnitOfWork
    describe_link: DescribeLink
    acknowledge_incident: AcknowledgeIncident
    retry_run: RetryRun
    clock: Clock
    wakeups: Wakeups

    async def __call__(self, token: str, actor: Actor = ANONYMOUS_ACTOR) -> LinkView:
        """Act, and return the link as used.

        Raises NotFound for an unknown link; Conflict `link_used`, `link_expired`, and the errors of the action.
        """
        loaded = await self.describe_link.load(token)
        view = self.describe_link.build_view(loaded)
        if loaded is None:
            raise NotFound("link", "with this token")
        if view.state is LinkState.USED:
            raise Conflict("link_used", "This link was already used. Each link works once.")
        if view.state is LinkState.EXPIRED:
            raise Conflict("link_expired", "This link is more than 7 days old. Open the incident in Headgate.")
        person = actor if actor.name is not None else Actor(_name_reader(loaded), auth_method="link", address=actor.address)
        match loaded.claims.action:
            case LinkAction.ACKNOWLEDGE:
                result = await self._acknowledge(loaded, person)
            case LinkAction.RETRY:
                result = await self._retry(loaded, view.run_id, person)
            case LinkAction.CONFIRM:
                result = await self._confirm(loaded)
        return replace(view, state=LinkState.USED, result=result)

    async def _acknowledge(self, loaded: LoadedLink, person: Actor) -> str:
        """Acknowledge the incident, or all open ones of its group. Doing so twice is harmless, so the use is recorded afterwards."""
        incident_ids = await self._find_incidents(loaded)
        if not incident_ids:
            raise Conflict("incident_resolved", "The incident is already resolved.")
        for incident_id in incident_ids:
            try:
                await self.acknowledge_incident(incident_id, person)
            except Conflict:
                if len(incident_ids) == 1:
                    raise
        await self._record_use(loaded)
        return "Incident acknowledged." if len(incident_ids) == 1 else f"{len(incident_ids):,} incidents acknowledged."

    async def _find_incidents(self, loaded: LoadedLink) -> Sequence[int]:
        incident_id = loaded.delivery.incident_id or 0
        async with self.open_unit_of_work() as work:
            incident = (await work.incidents.find([incident_id])).get(incident_id)
            if incident is None:
                raise NotFound("incident", incident_id)
            is_group = incident.is_first_of_group
            incidents = await work.incidents.list_group(incident.id, GROUP_LIMIT) if is_group else [incident]
        return [each.id for each in incidents if not each.is_resolved]

    async def _retry(self, loaded: LoadedLink, run_id: int | None, person: Actor) -> str:
        """Record the use first, since a second retry could restart stages that the first one has started."""
        if run_id is None:
            raise NotFound("run", "of this message")
        if not await self._record_use(loaded):
            raise Conflict("link_used", "This link was already used. Each link works once.")
        result = await self.retry_run(RetryRunCommand(run_id, actor=person))
        return f"Retrying {RunName(result.pipeline, result.number)}."

    async def _confirm(self, loaded: LoadedLink) -> str:
        async with self.open_unit_of_work() as work:
            now = self.clock.now()
            channel = await work.channels.lock_by_id(loaded.delivery.channel_id)
            if channel is None:
                raise NotFound("channel", loaded.delivery.channel_id)
            arrived_at = loaded.delivery.sent_at or now
            await work.channels.save(channel.prove(now, max(0.0, (arrived_at - loaded.message.at).total_seconds())))
            await work.incidents.add_link_use(loaded.delivery.id, loaded.claims.action.value, now)
            await work.site_events.add([SiteEvent(SiteEventType.CHANNEL_CHANGED, now, data={"name": channel.name, "change": "proved"})])
            await work.commit()
        self.wakeups.notify_committed()
        return f"Channel {channel.name} works."

    async def _record_use(self, loaded: LoadedLink) -> bool:
        async with self.open_unit_of_work() as work:
            is_first = await work.incidents.add_link_use(loaded.delivery.id, loaded.claims.action.value, self.clock.now())
            await work.commit()
        return is_first


def _name_reader(loaded: LoadedLink) -> str:
    return f"a reader of {loaded.channel.name}" if loaded.channel else "a reader of a message"
