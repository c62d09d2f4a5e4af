"""Joins the ticks of a day in the database: a schedule may have 17,280 of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, bindparam, text
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.engine import Row

from application.queries.views.ticks import TickGroup, TickWindow
from domain.schedules.tick import TickReason, TickState

TICK_GROUPS = text(
    """
WITH span AS (
    SELECT span.*, schedule.id AS schedule_id
    FROM json_to_recordset(:windows) AS span(ordinal int, name text, since timestamptz, until timestamptz, apart timestamptz[])
    JOIN schedule ON schedule.pipeline_id = :pipeline AND schedule.name = span.name
), due AS (
    SELECT span.ordinal, span.apart, tick.*, false AS is_before
    FROM span JOIN tick ON tick.schedule_id = span.schedule_id AND tick.due_at >= span.since AND tick.due_at < span.until
    UNION ALL
    SELECT span.ordinal, span.apart, before.*, true
    FROM span CROSS JOIN LATERAL (
        SELECT * FROM tick WHERE tick.schedule_id = span.schedule_id AND tick.due_at < span.since ORDER BY tick.due_at DESC LIMIT 1
    ) AS before
    WHERE before.count > 1
), outcome AS (
    SELECT due.*, run.id IS NOT NULL AS is_queued, coalesce(run.slot_state = 'waiting', false) AS is_limited,
        CASE WHEN due.due_at = ANY (due.apart) THEN due.due_at END AS apart_at
    FROM due LEFT JOIN run ON run.id = due.run_id AND run.status IN ('queued', 'pending')
), keyed AS (
    SELECT *, hashtextextended(concat_ws(
        E'\\x01', state, coalesce(reason, ''), coalesce(message, ''), is_queued, is_limited, is_before, extract(epoch FROM apart_at)
    ), 0) AS key
    FROM outcome
), marked AS (
    SELECT *, CAST(key IS DISTINCT FROM lag(key) OVER neighbours AS int) AS is_first,
        key IS DISTINCT FROM lead(key) OVER neighbours AS is_last
    FROM keyed WINDOW neighbours AS (PARTITION BY ordinal ORDER BY due_at, schedule_id)
), numbered AS (
    SELECT *, sum(is_first) OVER (PARTITION BY ordinal ORDER BY due_at, schedule_id ROWS UNBOUNDED PRECEDING) AS island FROM marked
), joined AS (
    SELECT ordinal, island, min(state COLLATE "C") AS state, min(reason COLLATE "C") AS reason, min(message COLLATE "C") AS message,
        bool_or(is_queued) AS is_queued, bool_or(is_limited) AS is_limited, bool_or(is_before) AS is_before, min(apart_at) AS apart_at,
        min(due_at) AS first_due_at, max(due_at) AS last_due_at, max(decided_at) AS last_decided_at, sum(count) AS number,
        max(count) FILTER (WHERE is_last) AS last_count, count(run_id) AS runs,
        (array_agg(run_id ORDER BY due_at) FILTER (WHERE run_id IS NOT NULL))[1:10] AS run_ids
    FROM numbered GROUP BY ordinal, island
), sized AS (
    SELECT *, count(*) OVER (PARTITION BY ordinal) > :limit AND NOT is_before AS is_mixed FROM joined
)
SELECT ordinal, state, reason, CASE WHEN NOT is_mixed THEN message END AS message, is_queued, is_limited, is_before, is_mixed,
    min(first_due_at) AS first_due_at, max(last_due_at) AS last_due_at, max(last_decided_at) AS last_decided_at,
    CAST(sum(number) AS bigint) AS number, (array_agg(last_count ORDER BY last_due_at DESC))[1] AS last_count,
    CAST(sum(runs) AS bigint) AS runs,
    CASE WHEN is_mixed THEN (array_agg(run_ids[1] ORDER BY first_due_at) FILTER (WHERE runs > 0))[1:10] ELSE min(run_ids) END AS run_ids
FROM sized
GROUP BY ordinal, state, reason, 4, is_queued, is_limited, is_before, is_mixed, apart_at,
    CASE WHEN is_mixed THEN date_trunc('hour', first_due_at) ELSE first_due_at END
ORDER BY ordinal, first_due_at, state, reason
"""
).bindparams(bindparam("windows", type_=JSON), bindparam("pipeline", type_=BigInteger), bindparam("limit", type_=BigInteger))


def write_windows(windows: Sequence[TickWindow]) -> list[dict[str, Any]]:
    """Return the windows as the parameter of TICK_GROUPS."""
    return [
        {
            "ordinal": ordinal,
            "name": window.schedule,
            "since": window.since.isoformat(),
            "until": window.until.isoformat(),
            "apart": [at.isoformat() for at in window.apart],
        }
        for ordinal, window in enumerate(windows)
    ]


def to_tick_group(row: Row[Any]) -> TickGroup:
    return TickGroup(
        row.ordinal,
        TickState(row.state),
        TickReason(row.reason) if row.reason else None,
        row.message,
        row.first_due_at,
        row.last_due_at,
        row.last_decided_at,
        row.number,
        row.last_count,
        tuple(row.run_ids or ()),
        row.runs,
        row.is_queued,
        row.is_limited,
        row.is_before,
        row.is_mixed,
    )
