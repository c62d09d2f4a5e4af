"""Compares the database's history of incidents and deliveries with the messages that arrived."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from application.ports.persistence.deliveries import MAX_IN_FLIGHT
from tests.chaos.alerts.watched_pipelines import CHANNELS
from tests.chaos.stack import Stack

OPENINGS = ("opened", "grouped", "unstable", "digest")
"""The kinds of messages from which a person learns of an incident."""
Arrivals = Mapping[str, Mapping[str, Sequence[bytes]]]
"""The contents that arrived, by channel and by id of the message."""


class History(NamedTuple):
    """What the database has: rows of incidents by id, of messages by id, and of deliveries by message and channel."""

    failed: set[tuple[int, str]]
    """The pipelines and customers with a run that failed or was lost."""
    incidents: Mapping[int, Any]
    messages: Mapping[str, Any]
    deliveries: Mapping[tuple[str, str], Any]


class Incident(NamedTuple):
    id: int
    pipeline_id: int
    concurrency_key: str
    state: str
    resolution: str | None
    group_id: int | None

    @property
    def speaker(self) -> int:
        """The incident whose messages speak for this one."""
        return self.group_id or self.id


class Message(NamedTuple):
    id: str
    kind: str
    incident_id: int | None


class Delivery(NamedTuple):
    message_id: str
    channel: str
    state: str
    last_error: str | None


def read_history(stack: Stack) -> History:
    with stack.postgres.connection("headgate") as connection:
        failed = connection.execute(
            "SELECT DISTINCT pipeline_id, 'customer=' || (parameters ->> 'customer') FROM run WHERE status IN ('failed', 'lost')"
        ).fetchall()
        incidents = connection.execute(
            "SELECT id, pipeline_id, concurrency_key, state, resolution, group_id FROM incident WHERE kind = 'pipeline'"
        ).fetchall()
        messages = connection.execute("SELECT id, kind, incident_id FROM alert_message").fetchall()
        deliveries = connection.execute(
            "SELECT message_id, channel.name, delivery.state, last_error FROM delivery JOIN channel ON channel.id = channel_id"
        ).fetchall()
    return History(
        {(pipeline_id, key) for pipeline_id, key in failed},
        {row[0]: Incident(*row) for row in incidents},
        {row[0]: Message(*row) for row in messages},
        {(row[0], row[1]): Delivery(*row) for row in deliveries},
    )


def has_scheduled_deliveries(stack: Stack) -> bool:
    """Return True if a delivery is left, or if runs are not judged yet."""
    with stack.postgres.connection("headgate") as connection:
        row = connection.execute("SELECT count(*) FROM delivery WHERE state = 'scheduled'").fetchone()
    history = read_history(stack)
    judged = {(incident.pipeline_id, incident.concurrency_key) for incident in history.incidents.values()}
    return row is None or row[0] > 0 or not history.failed <= judged


def find_problems(history: History, arrivals: Arrivals, kills: int) -> list[str]:
    """Return a sentence for each lost incident, each unexplained duplicate and each wrong or missing recovery."""
    return [
        *_find_lost(history, arrivals),
        *_find_duplicates(arrivals, kills),
        *_find_unknown(history, arrivals),
        *_find_wrong_recoveries(history, arrivals),
    ]


def _find_lost(history: History, arrivals: Arrivals) -> Iterator[str]:
    """Each failure has an incident, and each incident a message that arrived, or a delivery that says why not."""
    known = {(incident.pipeline_id, incident.concurrency_key) for incident in history.incidents.values()}
    for pipeline_id, key in sorted(history.failed - known):
        yield f"lost: pipeline {pipeline_id} failed for {key}, and there is no incident"
    for incident in history.incidents.values():
        openings = [message.id for message in _list_messages(history, incident.speaker, OPENINGS)]
        for channel in CHANNELS:
            reasons = [history.deliveries[id, channel].last_error for id in openings if (id, channel) in history.deliveries]
            if not any(id in arrivals[channel] for id in openings) and not any(reasons):
                yield f"lost: {incident} has no message in {channel}: {openings}"
    for delivery in history.deliveries.values():
        if delivery.state == "sent" and delivery.message_id not in arrivals[delivery.channel]:
            yield f"lost: {delivery} did not arrive"
        if delivery.state != "sent" and not delivery.last_error:
            yield f"lost: {delivery} does not say why"


def _find_duplicates(arrivals: Arrivals, kills: int) -> Iterator[str]:
    """A kill repeats what was being sent, once and with the same content."""
    repeated = 0
    for channel, messages in arrivals.items():
        for message_id, contents in messages.items():
            repeated += len(contents) - 1
            if len(contents) > 1 + kills:
                yield f"doubled: {message_id} arrived {len(contents)} times in {channel}"
            if len(set(contents)) > 1:
                yield f"doubled: {message_id} arrived in {channel} with different contents: {sorted(set(contents))}"
    if repeated > kills * MAX_IN_FLIGHT * len(arrivals):
        yield f"doubled: {repeated} messages were repeated after {kills} kills"


def _find_unknown(history: History, arrivals: Arrivals) -> Iterator[str]:
    for channel, messages in arrivals.items():
        for message_id in messages:
            if (message_id, channel) not in history.deliveries:
                yield f"wrong: {message_id} arrived in {channel}, and there is no such delivery"


def _find_wrong_recoveries(history: History, arrivals: Arrivals) -> Iterator[str]:
    """A channel learns of a recovery once, if it learned of the incident, and only after all incidents of a group are resolved."""
    members: defaultdict[int, list[Incident]] = defaultdict(list)
    for incident in history.incidents.values():
        members[incident.speaker].append(incident)
    for speaker, incidents in members.items():
        is_resolved = all(incident.state == "resolved" for incident in incidents)
        for channel in CHANNELS:
            told = any(message.id in arrivals[channel] for message in _list_messages(history, speaker, OPENINGS))
            recoveries = [each.id for each in _list_messages(history, speaker, ("recovered",)) if each.id in arrivals[channel]]
            if recoveries and (not told or not is_resolved or len(recoveries) > 1):
                yield f"wrong: recoveries {recoveries} of incident {speaker} in {channel}: opening arrived: {told}, resolved: {is_resolved}"
            if is_resolved and told and not recoveries:
                yield f"wrong: {channel} was not told that incident {speaker} is over"


def _list_messages(history: History, incident_id: int, kinds: Sequence[str]) -> list[Message]:
    return [message for message in history.messages.values() if message.incident_id == incident_id and message.kind in kinds]


def describe(history: History, arrivals: Arrivals) -> str:
    """Return one line of counts."""
    kinds = Counter(message.kind for message in history.messages.values())
    states = Counter(delivery.state for delivery in history.deliveries.values())
    repeated = sum(len(contents) - 1 for messages in arrivals.values() for contents in messages.values())
    grouped = sum(incident.group_id is not None for incident in history.incidents.values())
    resolved = sum(incident.state == "resolved" for incident in history.incidents.values())
    counts = f"{len(history.incidents)} incidents ({grouped} in groups, {resolved} resolved); messages {dict(kinds)}"
    return f"{counts}; deliveries {dict(states)}; {repeated} repeated"
