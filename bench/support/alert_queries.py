"""The queries of alerts, at several positions of a large database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

from adapters.persistence.database import Database
from application.ports.persistence.unit_of_work import UnitOfWork
from domain.alerts.delivery import Delivery
from domain.alerts.incident import IncidentState
from domain.alerts.rule_state import RuleKey

Query = Callable[[], Awaitable[object]]
_CHANNEL = "seeded-3"
_CAUSE = "fingerprint:7"


def build_alert_queries(database: Database, runs: int) -> Mapping[str, Query]:
    """Return a call for each query, by name. A third of `runs` seeded runs has an incident with the id of the run."""
    return {**_build_pages(database, runs), **_build_judge(database, runs), **_build_deliveries(database, runs)}


def _build_pages(database: Database, runs: int) -> Mapping[str, Query]:
    reader, middle, now = database.reader, runs // 2 // 3 * 3, datetime.now(UTC)
    is_open = [IncidentState.OPEN, IncidentState.ACKNOWLEDGED, IncidentState.SNOOZED]
    return {
        "incidents, newest": lambda: reader.incidents(100),
        "incidents, in the middle": lambda: reader.incidents(100, before=middle),
        "incidents that are open": lambda: reader.incidents(100, states=is_open),
        "incidents that are open, in the middle": lambda: reader.incidents(100, states=is_open, before=middle),
        "incidents that are resolved": lambda: reader.incidents(100, states=[IncidentState.RESOLVED]),
        "a pipeline's incidents": lambda: reader.incidents(100, pipeline_id=1),
        "a pipeline's open incidents": lambda: reader.incidents(100, states=is_open, pipeline_id=1),
        "one incident": lambda: reader.incident(middle),
        "what is open, for each page": lambda: reader.open_incidents(5),
        "a run's incidents": lambda: reader.run_incidents(middle, 10),
        "channels": lambda: reader.channels(),
        "a channel's deliveries": lambda: reader.deliveries(_CHANNEL, 100),
        "a channel's deliveries, in the middle": lambda: reader.deliveries(_CHANNEL, 100, before=middle),
        "silences": lambda: reader.silences(now, include_ended=True),
        "site rules": lambda: reader.alert_rules(),
    }


def _build_judge(database: Database, runs: int) -> Mapping[str, Query]:
    keys = [RuleKey(number, "critical") for number in range(1, 101)]
    month_ago = datetime.now(UTC) - timedelta(days=30)
    questions: dict[str, Callable[[UnitOfWork], Awaitable[object]]] = {
        "judge: whether there are rules": lambda work: work.alert_rules.has_any(),
        "judge: pipelines with expectations": lambda work: work.pipelines.find_expecting(),
        "judge: states of rules": lambda work: work.incidents.find_states(keys),
        "judge: unresolved incidents": lambda work: work.incidents.find_unresolved(keys),
        "judge: a pipeline's unresolved incidents": lambda work: work.incidents.lock_unresolved(1),
        "judge: locked incidents": lambda work: work.incidents.lock(range(3, min(runs, 3000), 3)),
        "judge: recent openings of a cause": lambda work: work.incidents.count_recent_openings(_CAUSE, month_ago),
        "judge: recent openings": lambda work: work.incidents.count_recent_openings(None, datetime.now(UTC) - timedelta(days=1)),
        "judge: the recent group of a cause": lambda work: work.incidents.find_recent_group(_CAUSE, month_ago),
        "judge: a group": lambda work: work.incidents.count_group(9),
        "judge: the members of a group": lambda work: work.incidents.list_group(9, 20),
        "judge: active silences": lambda work: work.silences.list_active(month_ago),
    }
    return {name: lambda question=question: _ask(database, question) for name, question in questions.items()}  # type: ignore[misc]


def _build_deliveries(database: Database, runs: int) -> Mapping[str, Query]:
    now, incidents = datetime.now(UTC), range(3, min(runs, 300), 3)
    questions: dict[str, Callable[[UnitOfWork], Awaitable[object]]] = {
        "delivery service: what is due": lambda work: work.deliveries.claim_due(now, 32, 60.0),
        "delivery service: when to look next": lambda work: work.deliveries.find_next_due(),
        "delivery service: messages": lambda work: work.deliveries.find_messages([f"opened-{number}" for number in incidents]),
        "delivery service: where openings arrived": lambda work: work.deliveries.find_sent_channels(incidents),
        "delivery service: deliveries of incidents": lambda work: work.deliveries.list_of_incidents(incidents),
        "delivery service: channels of a message": lambda work: work.deliveries.find_channels("opened-3"),
        "delivery service: the last drills": lambda work: work.deliveries.find_last_drills(),
        "delivery service: results": lambda work: work.deliveries.save([Delivery(2 * number, "", None, 1, now) for number in incidents]),
        "delivery service: deliveries held by a silence": lambda work: _release(work, now),
        "a channel's waiting deliveries": lambda work: work.deliveries.list_waiting(1),
        "what uses a channel": lambda work: work.channels.find_uses(_CHANNEL),
    }
    return {name: lambda question=question: _ask(database, question) for name, question in questions.items()}  # type: ignore[misc]


async def _release(work: UnitOfWork, now: datetime) -> None:
    """Make deliveries due, and send these statements with a query."""
    await work.deliveries.release_held("silence", now)
    await work.deliveries.release_channel(1, now)
    await work.deliveries.list_waiting(1, 1)


async def _ask(database: Database, question: Callable[[UnitOfWork], Awaitable[object]]) -> None:
    """Ask in a transaction of its own, and change nothing."""
    async with database.open_unit_of_work() as work:
        await question(work)
