"""Judges what arrived, and what is stored, at the end of a simulation of alerts, by rules that are written here a second time."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.alerts.incident import Incident
from domain.runs.status import Status
from tests.fakes.persistence.store import Tables
from tests.fakes.system.clock import START
from tests.simulation.alerts.simulated_channels import MAX_SEND_SECONDS, Arrival

OPENINGS = ("opened", "grouped", "unstable", "digest")
"""The kinds of messages from which a person learns of an incident."""
FOLLOW_UPS = ("escalated", "reminder")


@dataclass(slots=True)
class Events:
    """What happened in a simulation, by virtual time. `silences` are (pipeline or None for all, start, end)."""

    kills: int = 0
    silences: list[tuple[int | None, float, float]] = field(default_factory=list)
    acknowledged: dict[int, float] = field(default_factory=dict)


def find_violations(tables: Tables, arrivals: Sequence[Arrival], lost_answers: int, events: Events) -> list[str]:
    """Return a sentence for each broken promise."""
    return [
        *_find_lost(tables, arrivals),
        *_find_doubled(arrivals, events.kills + lost_answers),
        *_find_wrong_recoveries(tables, arrivals),
        *_find_silenced(tables, arrivals, events),
        *_find_follow_ups(tables, arrivals, events),
    ]


def _find_lost(tables: Tables, arrivals: Sequence[Arrival]) -> Iterator[str]:
    """Each failure is part of an incident, and each delivery has arrived, or says why not."""
    for run in tables.runs.values():
        if run.status is Status.FAILED and run.definition.alerts[0].after == 1 and not _is_covered(tables, run):
            yield f"lost: run {run.id} of pipeline {run.pipeline_id} failed, and no incident covers it"
    arrived = {(arrival.message.id, arrival.channel) for arrival in arrivals}
    told = set()
    for delivery in tables.deliveries.values():
        name, message = tables.channels[delivery.channel_id].channel.name, tables.alert_messages[delivery.message_id]
        if delivery.state.value == "scheduled":
            if message.kind.value not in FOLLOW_UPS:
                yield f"lost: {message.kind} {delivery} is not over"
        elif delivery.state.value == "sent":
            if (delivery.message_id, name) not in arrived:
                yield f"lost: {delivery} did not arrive"
        elif not delivery.last_error:
            yield f"lost: {delivery} does not say why"
        if message.kind.value in OPENINGS:
            told.add(delivery.incident_id)
    for incident in tables.incidents.values():
        if incident.pipeline_id is not None and get_speaker(incident) not in told:
            yield f"lost: there is no message about {incident}"


def _is_covered(tables: Tables, run: Any) -> bool:
    key = run.definition.alerts[0].key
    incidents = [each for each in tables.incidents.values() if (each.pipeline_id, each.rule_key) == (run.pipeline_id, key)]
    ends = [(each.opened_at, each.resolved_at) for each in incidents]
    return any(opened <= run.finished_at and (resolved is None or run.finished_at <= resolved) for opened, resolved in ends)


def _find_doubled(arrivals: Sequence[Arrival], causes: int) -> Iterator[str]:
    """A message arrives twice only after a kill or a lost answer, and says the same."""
    counts = Counter((arrival.channel, arrival.message.id) for arrival in arrivals)
    for (channel, message_id), count in counts.items():
        contents = {(each.message.subject, each.message.text) for each in arrivals if each.message.id == message_id}
        if len(contents) > 1:
            yield f"doubled: {message_id} says different things: {contents}"
        if count > 1 + causes:
            yield f"doubled: {message_id} arrived {count} times in {channel} after {causes} kills and lost answers"


def _find_wrong_recoveries(tables: Tables, arrivals: Sequence[Arrival]) -> Iterator[str]:
    """A recovery follows the opening in the same channel, when all incidents of the group are resolved; and none is missing."""
    members: defaultdict[int, list[Incident]] = defaultdict(list)
    for incident in tables.incidents.values():
        if incident.pipeline_id is not None:
            members[get_speaker(incident)].append(incident)
    heard: defaultdict[tuple[int, str], list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        heard[tables.alert_messages[arrival.message.id].incident_id or 0, arrival.channel].append(arrival)
    wants_recovery = {run.pipeline_id: run.definition.alerts[0].recovery for run in tables.runs.values()}
    for (speaker, channel), messages in heard.items():
        incidents = members.get(speaker, [])
        is_resolved = bool(incidents) and all(each.is_resolved for each in incidents)
        openings = [each.at for each in messages if each.message.kind.value in (*OPENINGS, *FOLLOW_UPS)]
        recoveries = [each.at for each in messages if each.message.kind.value == "recovered"]
        if recoveries and (not openings or min(openings) > min(recoveries)):
            yield f"wrong: {channel} was told at {recoveries} that incident {speaker} is over, and of its opening at {openings}"
        if recoveries and not is_resolved:
            yield f"wrong: {channel} was told that incident {speaker} is over: {incidents}"
        if is_resolved and openings and not recoveries and wants_recovery[incidents[0].pipeline_id or 0]:
            yield f"wrong: {channel} was not told that incident {speaker} is over"


def _find_silenced(tables: Tables, arrivals: Sequence[Arrival], events: Events) -> Iterator[str]:
    """Nothing about a pipeline arrives during a silence, but for what was on its way when it began."""
    for arrival in arrivals:
        pipeline_id = tables.alert_messages[arrival.message.id].pipeline_id
        for silenced, start, end in events.silences:
            if silenced in (None, pipeline_id) and pipeline_id is not None and start + MAX_SEND_SECONDS < arrival.at < end:
                yield f"wrong: {arrival.message.kind} of pipeline {pipeline_id} arrived at {arrival.at:.1f}, silenced at {start:.1f}"


def _find_follow_ups(tables: Tables, arrivals: Sequence[Arrival], events: Events) -> Iterator[str]:
    """An incident that a person takes care of, or that is over, has no more escalations and reminders, but for repetitions."""
    known: set[tuple[str, str]] = set()
    for arrival in arrivals:
        key = arrival.channel, arrival.message.id
        if arrival.message.kind.value not in FOLLOW_UPS or key in known:
            continue
        known.add(key)
        incident_id = tables.alert_messages[arrival.message.id].incident_id or 0
        members = [each for each in tables.incidents.values() if get_speaker(each) == incident_id]
        resolved = [each.resolved_at for each in members]
        ends = [events.acknowledged[incident_id]] if incident_id in events.acknowledged and len(members) == 1 else []
        if members and all(resolved):
            ends.append(max((at - START).total_seconds() for at in resolved if at is not None))
        if ends and arrival.at > min(ends) + MAX_SEND_SECONDS:
            yield f"wrong: {arrival.message.kind} of incident {incident_id} arrived at {arrival.at:.1f}, after {min(ends):.1f}"


def get_speaker(incident: Incident) -> int:
    """Return the incident whose messages speak for this one."""
    return incident.group_id or incident.id


def count_kinds(arrivals: Sequence[Arrival]) -> Mapping[str, int]:
    return Counter(arrival.message.kind.value for arrival in arrivals)
