"""What any process committed, in an order that loses and repeats nothing; woken by NOTIFY, safe without it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DataError

from adapters.persistence.connection.compiled_statements import BoundStatement, CompiledStatement
from adapters.persistence.connection.connection_pool import ConnectionPool
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.feed.feed_cursor import FeedCursor, truncate_snapshot
from adapters.persistence.feed.notification_listener import CHANNEL, NotificationListener
from adapters.persistence.readers.run_views import to_event_view
from application.ports.queries.change_feed import ChangeBatch
from domain.runs.events import EventType

_POSITION = CompiledStatement(
    text("""
    SELECT CAST(pg_current_snapshot() AS text) AS now, CAST((SELECT xid FROM event ORDER BY xid DESC LIMIT 1) AS text) AS newest
""")
)
# Nothing at or above the snapshot's own end can be seen: said only for the planner, which takes a range that ends for a small one, and
# goes by the index of xid whatever the cursor is.
_SINCE = """
    xid >= pg_snapshot_xmin(CAST(:seen AS pg_snapshot)) AND xid < pg_snapshot_xmax(pg_current_snapshot())
    AND NOT pg_visible_in_snapshot(xid, CAST(:seen AS pg_snapshot))
    AND (CAST(:until AS pg_snapshot) IS NULL OR pg_visible_in_snapshot(xid, CAST(:until AS pg_snapshot)))
"""
# OFFSET 0 keeps the order of the outer question from the inner one, which would else walk through every event by its key.
_READ = CompiledStatement(
    text(f"""
    SELECT CAST(pg_current_snapshot() AS text) AS now, found.*,
        CAST(greatest(
            (SELECT xid FROM event WHERE {_SINCE} ORDER BY xid DESC LIMIT 1),
            (SELECT xid FROM log_counter WHERE {_SINCE} ORDER BY xid DESC LIMIT 1)
        ) AS text) AS newest,
        ARRAY(SELECT run_id FROM log_counter WHERE {_SINCE} ORDER BY run_id) AS logs
    FROM (VALUES (1)) AS one
    LEFT JOIN LATERAL (
        SELECT * FROM (SELECT * FROM event WHERE {_SINCE} OFFSET 0) AS fresh
        WHERE (run_id, seq) > (:run, :seq) AND (CAST(:only AS text[]) IS NULL OR type = ANY(CAST(:only AS text[])))
        ORDER BY run_id, seq LIMIT :limit
    ) AS found ON true
    ORDER BY found.run_id, found.seq
""")
)
# Nothing is written, so its commit need not wait for the disk.
_NOTIFY = CompiledStatement(text(f"SELECT set_config('synchronous_commit', 'off', true), pg_notify('{CHANNEL}', :payload)"))
_LONGEST_PAYLOAD = 7_900
"""PostgreSQL takes less than 8,000 bytes."""


class PgChangeFeed:
    """Events are found by the transaction that wrote them: those the cursor's snapshot did not see, whatever order they commit in.

    A cursor never reaches beyond what it has seen written, so it outlives a crash of the server.
    Within a run they come by `seq`. A batch larger than `limit` is read in pages between two fixed snapshots.
    """

    def __init__(self, connections: ConnectionPool, url: str) -> None:
        self._connections = connections
        self._listener = NotificationListener(url)

    async def start(self) -> None:
        await self._listener.start()

    async def stop(self) -> None:
        await self._listener.stop()

    async def position(self) -> str:
        (row,) = await self._say((_POSITION, {}))
        return truncate_snapshot(row.now, int(row.newest or 0))

    async def read(self, cursor: str, limit: int = 1_000, only: Collection[EventType] | None = None) -> ChangeBatch:
        try:
            since = FeedCursor.read(cursor)
        except ValueError:
            raise ValueError(f"not a cursor of this feed: {cursor[:100]!r}") from None
        run, seq = since.place
        types = None if only is None else [type.value for type in only]
        parameters = {"seen": since.seen, "until": since.until, "run": run, "seq": seq, "limit": limit + 1, "only": types}
        try:
            rows = await self._say((_READ, parameters))
        except DataError as error:
            raise ValueError(f"not a snapshot of PostgreSQL's: {cursor[:100]!r}") from error
        if since.is_ahead_of(rows[0].now):
            raise ValueError(f"a cursor of another database: {cursor[:100]!r}")
        found = [row for row in rows if row.run_id is not None]
        until = since.until or (since.advance_to(rows[0].now, int(rows[0].newest)) if rows[0].newest else since.seen)
        if len(found) > limit:
            found = found[:limit]
            following = FeedCursor(since.seen, until, (found[-1].run_id, found[-1].seq))
        else:
            following = FeedCursor(until)
        # Runs whose logs grew are told once, with the last page.
        return ChangeBatch([to_event_view(row) for row in found], str(following), rows[0].logs if following.until is None else ())

    async def announce(self, *, log_run_ids: Sequence[int] = ()) -> None:
        """NOTIFY takes a lock of the whole database until its commit, so it has a transaction of its own, after the writer's."""
        for payload in _payloads(log_run_ids):
            await self._say((_NOTIFY, {"payload": payload}))

    async def wait(self, seconds: float) -> Sequence[int]:
        return await self._listener.wait(seconds)

    async def _say(self, asked: BoundStatement) -> list[Any]:
        transaction = SqlTransaction(self._connections, None)
        try:
            (rows,) = await transaction.fetch_batch(asked)
        finally:
            await transaction.close()
        return rows


def _payloads(run_ids: Sequence[int]) -> list[str]:
    """The ids as text, comma-separated, in as many payloads as their length asks for; one empty payload when there are none."""
    payloads = [""]
    for run_id in dict.fromkeys(run_ids):
        longer = f"{payloads[-1]},{run_id}" if payloads[-1] else str(run_id)
        if len(longer) > _LONGEST_PAYLOAD:
            payloads.append(str(run_id))
        else:
            payloads[-1] = longer
    return payloads
