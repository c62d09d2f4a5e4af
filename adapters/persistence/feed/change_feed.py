"""The feed of committed events of all processes, without loss or repetition. NOTIFY only makes it faster."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DataError

from adapters.persistence.connection.compiled_statements import BoundStatement, CompiledStatement
from adapters.persistence.connection.connection_pool import ConnectionPool
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.feed.feed_cursor import SITE_RUN_ID, FeedCursor, truncate_snapshot
from adapters.persistence.feed.notification_listener import CHANNEL, NotificationListener
from adapters.persistence.readers.run_views import to_event_view
from application.ports.queries.change_feed import ChangeBatch
from application.queries.views.events import SiteEventView
from domain.runs.events import EventType
from domain.site_events import SiteEventType

_POSITION = CompiledStatement(
    text("""
    SELECT CAST(pg_current_snapshot() AS text) AS now, CAST(greatest(
        (SELECT xid FROM event ORDER BY xid DESC LIMIT 1),
        (SELECT xid FROM site_event ORDER BY xid DESC LIMIT 1)
    ) AS text) AS newest
""")
)
# The upper bound excludes nothing, since no transaction at or above the end of the snapshot is visible. With it the planner always
# uses the index on xid.
_SINCE = """
    xid >= pg_snapshot_xmin(CAST(:seen AS pg_snapshot)) AND xid < pg_snapshot_xmax(pg_current_snapshot())
    AND NOT pg_visible_in_snapshot(xid, CAST(:seen AS pg_snapshot))
    AND (CAST(:until AS pg_snapshot) IS NULL OR pg_visible_in_snapshot(xid, CAST(:until AS pg_snapshot)))
"""
_EVENT_COLUMNS = "run_id, CAST(seq AS bigint) AS seq, pipeline_id, type, at, stage, attempt, status, actor, data"
_SITE_EVENT_COLUMNS = f"""
    CAST({SITE_RUN_ID} AS bigint), id, pipeline_id, type, at, CAST(NULL AS text), CAST(NULL AS int), CAST(NULL AS text), actor, data
"""
# OFFSET 0 keeps the planner from reading all events in the order of the outer query.
_READ = CompiledStatement(
    text(f"""
    SELECT CAST(pg_current_snapshot() AS text) AS now, found.*,
        CAST(greatest(
            (SELECT xid FROM event WHERE {_SINCE} ORDER BY xid DESC LIMIT 1),
            (SELECT xid FROM site_event WHERE {_SINCE} ORDER BY xid DESC LIMIT 1),
            (SELECT xid FROM log_counter WHERE {_SINCE} ORDER BY xid DESC LIMIT 1)
        ) AS text) AS newest,
        ARRAY(SELECT run_id FROM log_counter WHERE {_SINCE} ORDER BY run_id) AS logs
    FROM (VALUES (1)) AS one
    LEFT JOIN LATERAL (
        SELECT * FROM (
            SELECT * FROM (SELECT {_EVENT_COLUMNS} FROM event WHERE {_SINCE} OFFSET 0) AS fresh
            WHERE CAST(:only AS text[]) IS NULL OR type = ANY(CAST(:only AS text[]))
            UNION ALL
            SELECT {_SITE_EVENT_COLUMNS} FROM site_event WHERE {_SINCE}
        ) AS fresh
        WHERE (run_id, seq) > (:run, :seq)
        ORDER BY run_id, seq LIMIT :limit
    ) AS found ON true
    ORDER BY found.run_id, found.seq
""")
)
# The transaction writes nothing, so its commit need not wait for the disk.
_NOTIFY = CompiledStatement(text(f"SELECT set_config('synchronous_commit', 'off', true), pg_notify('{CHANNEL}', :payload)"))
_MAX_PAYLOAD_LENGTH = 7_900
"""In bytes; PostgreSQL's limit is 8,000."""


class PgChangeFeed:
    """Finds the events of transactions that the cursor's snapshot did not see, in whatever order they commit.

    Events of a run are in the order of `seq`; site events come first, in the order of their ids. A batch larger than `limit` is read in
    pages between two fixed snapshots. A cursor does not reach beyond the last transaction that wrote an event, so it stays valid when the
    server crashes and reuses transaction ids.
    """

    def __init__(self, connections: ConnectionPool, url: str) -> None:
        self._connections = connections
        self._listener = NotificationListener(url)

    async def start(self) -> None:
        await self._listener.start()

    async def stop(self) -> None:
        await self._listener.stop()

    async def position(self) -> str:
        (row,) = await self._fetch((_POSITION, {}))
        return truncate_snapshot(row.now, int(row.newest or 0))

    async def read(self, cursor: str, limit: int = 1_000, only: Collection[EventType] | None = None) -> ChangeBatch:
        try:
            since = FeedCursor.parse(cursor)
        except ValueError:
            raise ValueError(f"not a cursor of this feed: {cursor[:100]!r}") from None
        run, seq = since.position
        types = None if only is None else [type.value for type in only]
        parameters = {"seen": since.seen, "until": since.until, "run": run, "seq": seq, "limit": limit + 1, "only": types}
        try:
            rows = await self._fetch((_READ, parameters))
        except DataError as error:
            raise ValueError(f"not a snapshot of PostgreSQL's: {cursor[:100]!r}") from error
        if since.is_ahead_of(rows[0].now):
            raise ValueError(f"a cursor of another database: {cursor[:100]!r}")
        found = [row for row in rows if row.run_id is not None]
        until = since.until or (since.advance_to(rows[0].now, int(rows[0].newest)) if rows[0].newest else since.seen)
        if len(found) > limit:
            found = found[:limit]
            next_cursor = FeedCursor(since.seen, until, (found[-1].run_id, found[-1].seq))
        else:
            next_cursor = FeedCursor(until)
        events = [to_event_view(row) for row in found if row.run_id != SITE_RUN_ID]
        site_events = [_to_site_event_view(row) for row in found if row.run_id == SITE_RUN_ID]
        # Runs with new log lines are reported once, with the last page.
        return ChangeBatch(events, str(next_cursor), rows[0].logs if next_cursor.until is None else (), site_events)

    async def announce(self, *, log_run_ids: Sequence[int] = ()) -> None:
        """Send NOTIFY in a transaction of its own, after the writer's: NOTIFY holds a lock on the whole database until its commit."""
        for payload in _build_payloads(log_run_ids):
            await self._fetch((_NOTIFY, {"payload": payload}))

    async def wait(self, seconds: float) -> Sequence[int]:
        return await self._listener.wait(seconds)

    async def _fetch(self, statement: BoundStatement) -> list[Any]:
        transaction = SqlTransaction(self._connections, None)
        try:
            (rows,) = await transaction.fetch_batch(statement)
        finally:
            await transaction.close()
        return rows


def _to_site_event_view(row: Any) -> SiteEventView:
    return SiteEventView(row.seq, SiteEventType(row.type), row.at, row.pipeline_id, row.actor, row.data)


def _build_payloads(run_ids: Sequence[int]) -> list[str]:
    """Return the ids as comma-separated text, split by the maximum length. Return one empty payload if there are no ids."""
    payloads = [""]
    for run_id in dict.fromkeys(run_ids):
        longer = f"{payloads[-1]},{run_id}" if payloads[-1] else str(run_id)
        if len(longer) > _MAX_PAYLOAD_LENGTH:
            payloads.append(str(run_id))
        else:
            payloads[-1] = longer
    return payloads
