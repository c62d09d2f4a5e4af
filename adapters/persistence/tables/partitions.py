"""Weekly partitions of events, log lines and ticks, created ahead and dropped whole. Rows of other weeks go to a default partition."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

PARTITIONED_TABLES: Mapping[str, str] = {"event": "at", "log_line": "at", "tick": "due_at"}
"""The column by which each table is partitioned."""
WEEK = timedelta(days=7)
WEEKS_AHEAD = 4
_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
_NAME = re.compile(rf"({'|'.join(PARTITIONED_TABLES)})_(default|p(\d{{8}}))")


def is_partition(table: str | None) -> bool:
    """Return True for partitions, which Headgate creates at run time and which migrations do not compare."""
    return table is not None and _NAME.fullmatch(table) is not None


def get_week_start(timestamp: datetime) -> datetime:
    """Return the Monday, midnight UTC, of the timestamp's week."""
    return _MONDAY + (timestamp - _MONDAY) // WEEK * WEEK


def list_weeks(first: datetime, last: datetime) -> list[datetime]:
    """Return the starts of the weeks from the first timestamp's to the last's."""
    start = get_week_start(first)
    return [start + WEEK * n for n in range((get_week_start(last) - start) // WEEK + 1)]


def get_partition_name(table: str, week: datetime) -> str:
    return f"{table}_p{week:%Y%m%d}"


def get_partition_end(partition: str) -> datetime | None:
    """Return the end of the partition's week, or None for the default partition and for other tables."""
    found = _NAME.fullmatch(partition)
    return datetime.strptime(found[3], "%Y%m%d").replace(tzinfo=UTC) + WEEK if found and found[3] else None


def build_add_partition_sql(table: str, week: datetime) -> Sequence[str]:
    """Return the statements that add a partition for the week, to be run in one transaction.

    The partition is created apart and then attached: creating it in place would lock the whole table. Rows of that week in the default
    partition, which a wrong clock put there, are moved.
    """
    name, default = get_partition_name(table, week), f"{table}_default"
    start, end = f"'{week.isoformat()}'", f"'{(week + WEEK).isoformat()}'"
    column = PARTITIONED_TABLES[table]
    in_week = f"{column} >= {start} AND {column} < {end}"
    return (
        f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)",
        f"LOCK TABLE {default} IN SHARE ROW EXCLUSIVE MODE",
        f"WITH moved AS (DELETE FROM {default} WHERE {in_week} RETURNING *) INSERT INTO {name} SELECT * FROM moved",
        f"ALTER TABLE {name} ADD CONSTRAINT {name}_week CHECK ({in_week})",
        f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end})",
        f"ALTER TABLE {name} DROP CONSTRAINT {name}_week",
    )
