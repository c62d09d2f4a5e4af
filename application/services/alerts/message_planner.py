"""Decides which channels get messages about changes of incidents, and when."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from application.ports.persistence.pipelines import PipelineRef, StoredPipeline
from application.ports.persistence.unit_of_work import UnitOfWork
from application.services.alerts.message_facts import MessageFacts
from application.services.alerts.opening_groups import OpeningGroup, OpeningGroups
from application.services.alerts.planned_messages import PlannedMessages
from domain.alerts.delivery import DeliveryState
from domain.alerts.incident import Incident
from domain.alerts.message import MessageKind, Transition
from domain.alerts.rule import AlertRule

UNNAMED = "A pipeline"


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one call of the planner works with. `channels` are the ids by name."""

    work: UnitOfWork
    now: datetime
    channels: Mapping[str, int]
    pipelines: Mapping[PipelineRef, StoredPipeline]
    groups: OpeningGroups
    planned: PlannedMessages

    def get_facts(self, transition: Transition, rule: AlertRule | None, **facts: float) -> MessageFacts:
        pipeline = self.pipelines.get(transition.pipeline_id or 0)
        return MessageFacts.from_rule(
            rule,
            pipeline=pipeline.name if pipeline else None,
            tags=pipeline.definition.tags if pipeline else (),
            event=transition.event or (transition.incident.event if transition.incident else None),
            run_id=transition.run_id,
            **facts,
        )

    def get_subject(self, transition: Transition) -> str:
        pipeline = self.pipelines.get(transition.pipeline_id or 0)
        summary = transition.incident.summary if transition.incident else (transition.event or transition.kind).value
        return f"{pipeline.name if pipeline else UNNAMED} {summary}"


class MessagePlanner:
    """Plans the messages for changes of incidents, in the transaction that changes them. Nothing is sent here."""

    async def plan(self, work: UnitOfWork, transitions: Sequence[Transition], now: datetime) -> None:
        """Add the messages and deliveries for these changes, in their order. The incidents are stored and locked already.

        After the commit, call `Wakeups.notify_deliveries_changed`.
        """
        if not transitions:
            return
        plan = await _start_plan(work, transitions, now)
        for transition in transitions:
            match transition.kind:
                case MessageKind.OPENED:
                    await _plan_opening(plan, transition)
                case MessageKind.RECOVERED:
                    await _plan_recovery(plan, transition)
                case MessageKind.UNSTABLE:
                    await _plan_unstable(plan, transition)
                case _:
                    _plan_notice(plan, transition)
        await plan.groups.store()
        await plan.planned.store(work)

    async def plan_snooze_end(self, work: UnitOfWork, incident: Incident, now: datetime) -> None:
        """Plan a reminder for the end of the incident's snooze, in each channel that got a message about the incident.

        A reminder that was planned earlier moves to that time.
        """
        if incident.snoozed_until is None:
            return
        first_id = incident.group_id or incident.id
        found = await work.deliveries.list_of_incidents([first_id])
        waiting = [each for kind, each in found if kind is MessageKind.REMINDER and each.state is DeliveryState.SCHEDULED]
        locked = (await work.deliveries.lock([each.id for each in waiting])).values()
        moved = [each.reschedule(incident.snoozed_until) for each in locked if each.state is DeliveryState.SCHEDULED]
        await work.deliveries.save(moved)
        sent = (await work.deliveries.find_sent_channels([first_id])).get(first_id, {})
        facts = await load_facts(work, sent.values())
        if facts is None:
            return
        planned = PlannedMessages(now)
        planned.add(
            MessageKind.REMINDER,
            facts,
            f"{facts.pipeline or UNNAMED} {incident.summary}",
            set(sent) - {each.channel_id for each in moved},
            incident_id=first_id,
            pipeline_id=incident.pipeline_id,
            due_at=incident.snoozed_until,
            only_if="open",
        )
        await planned.store(work)


async def load_facts(work: UnitOfWork, message_ids: Iterable[str]) -> MessageFacts | None:
    """Return the facts of the first of these messages that exists."""
    found = await work.deliveries.find_messages(list(message_ids))
    return next((MessageFacts.from_json(message.content.get("facts", {})) for message in found.values()), None)


async def _start_plan(work: UnitOfWork, transitions: Sequence[Transition], now: datetime) -> _Plan:
    channels = {channel.name: channel.id for channel in await work.channels.list_all()}
    pipelines = await work.pipelines.find_many({each.pipeline_id for each in transitions if each.pipeline_id is not None})
    openings = [each.incident for each in transitions if each.kind is MessageKind.OPENED and each.incident]
    return _Plan(work, now, channels, pipelines, OpeningGroups(work, openings, now), PlannedMessages(now))


async def _plan_opening(plan: _Plan, transition: Transition) -> None:
    """Plan the first message and the escalations of an incident, or let it join a group."""
    incident, rule = transition.incident, transition.rule
    if incident is None or rule is None:
        return
    group = await plan.groups.find_group(incident)
    if group is None:
        _add(plan, transition, MessageKind.OPENED, rule, _get_immediate_channels(plan, rule))
        _add_escalations(plan, transition, rule, plan.groups.start_group(incident))
        return
    _add_to_group(plan, transition, rule, group)
    _add_escalations(plan, transition, rule, group)


def _add_to_group(plan: _Plan, transition: Transition, rule: AlertRule, group: OpeningGroup) -> None:
    """Plan the group's message for the channels of one of its incidents that do not get it yet."""
    missing = [each for each in _get_immediate_channels(plan, rule) if each not in group.channel_ids]
    if group.message_id is None:
        group.message_id = _add(plan, transition, MessageKind.GROUPED, rule, missing, about_id=group.first_id, due_at=group.due_at)
    else:
        plan.planned.deliver(group.message_id, missing, incident_id=group.first_id, due_at=group.due_at)
    group.channel_ids.update(missing)


def _add_escalations(plan: _Plan, transition: Transition, rule: AlertRule, group: OpeningGroup) -> None:
    """Plan one message for each delay, without the channels to which an incident of the group escalates already."""
    for after in sorted({target.after for target in rule.to if target.after > 0}):
        ids = _get_ids(plan, [target.channel for target in rule.to if target.after == after])
        missing = [each for each in ids if each not in group.escalated_ids]
        due_at = plan.now + timedelta(seconds=after)
        _add(plan, transition, MessageKind.ESCALATED, rule, missing, about_id=group.first_id, due_at=due_at, after=after)
        group.escalated_ids.update(missing)


async def _plan_recovery(plan: _Plan, transition: Transition) -> None:
    """Plan the recovery for each channel that got a message about the incident; for a group, after the last of its incidents."""
    incident = transition.incident
    if incident is None:
        return
    first_id = plan.groups.get_group_id(incident)
    if first_id is not None:
        await plan.work.incidents.lock([first_id])
        if (await plan.work.incidents.count_group(first_id)).unresolved > 0:
            return
    about_id = first_id or incident.id
    sent = (await plan.work.deliveries.find_sent_channels([about_id])).get(about_id, {})
    facts = plan.get_facts(transition, transition.rule) if transition.rule else await load_facts(plan.work, sent.values())
    if facts is None or not facts.recovery:
        return
    plan.planned.add(
        MessageKind.RECOVERED,
        replace(facts, event=transition.event, run_id=transition.run_id),
        plan.get_subject(transition),
        sent,
        incident_id=about_id,
        pipeline_id=transition.pipeline_id,
    )


async def _plan_unstable(plan: _Plan, transition: Transition) -> None:
    incident, rule = transition.incident, transition.rule
    if incident is None or rule is None:
        return
    sent = (await plan.work.deliveries.find_sent_channels([incident.id])).get(incident.id, {})
    _add(plan, transition, MessageKind.UNSTABLE, rule, [*_get_immediate_channels(plan, rule), *sent])


def _plan_notice(plan: _Plan, transition: Transition) -> None:
    if transition.rule is not None:
        _add(plan, transition, transition.kind, transition.rule, _get_immediate_channels(plan, transition.rule))


def _add(
    plan: _Plan,
    transition: Transition,
    kind: MessageKind,
    rule: AlertRule,
    channel_ids: Collection[int],
    *,
    about_id: int | None = None,
    due_at: datetime | None = None,
    after: float = 0.0,
) -> str | None:
    """Add a message about the incident of the transition, or about the group whose first incident is `about_id`."""
    own_id = transition.incident.id if transition.incident else None
    return plan.planned.add(
        kind,
        plan.get_facts(transition, rule, after=after),
        plan.get_subject(transition),
        channel_ids,
        incident_id=about_id or own_id,
        pipeline_id=transition.pipeline_id,
        due_at=due_at,
        only_if="open" if kind is MessageKind.ESCALATED else None,
    )


def _get_immediate_channels(plan: _Plan, rule: AlertRule) -> list[int]:
    return _get_ids(plan, [target.channel for target in rule.to if target.after <= 0])


def _get_ids(plan: _Plan, names: Iterable[str]) -> list[int]:
    """Return the ids of the channels that exist; a channel cannot be deleted while a rule names it."""
    return [plan.channels[name] for name in dict.fromkeys(names) if name in plan.channels]
