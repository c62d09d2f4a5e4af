"""Events and log lines lie in one partition a week, made ahead and dropped whole; what fits no week lies in a default one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

PARTITIONED_TABLES = ("event", "log_line")
WEEK = timedelta(days=7)
WEEKS_AHEAD = 4
_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
_NAME = re.compile(rf"({'|'.join(PARTITIONED_TABLES)})_(default|p(\d{{8}}))")


def is_partition(table: str | None) -> bool:
    """True for the tables that are made while Headgate runs, which no migration and no table in code names."""
    return table is not None and _NAME.fullmatch(table) is not None


def get_week_start(moment: datetime) -> datetime:
    """The Monday, at midnight UTC, on which the moment's week begins."""
    return _MONDAY + (moment - _MONDAY) // WEEK * WEEK


def list_weeks(first: datetime, last: datetime) -> list[datetime]:
    """The weeks from the first moment's to the last's."""
    start = get_week_start(first)
    return [start + WEEK * n for n in range((get_week_start(last) - start) // WEEK + 1)]


def get_partition_name(table: str, week: datetime) -> str:
    return f"{table}_p{week:%Y%m%d}"


def get_partition_end(partition: str) -> datetime | None:
    """Until when what lies in this partition happened; None for the default one and for what is no partition."""
    found = _NAME.fullmatch(partition)
    return datetime.strptime(found[3], "%Y%m%d").replace(tzinfo=UTC) + WEEK if found and found[3] else None


def build_add_partition_sql(table: str, week: datetime) -> Sequence[str]:
    """Statements that give the table a partition for the week, in one transaction.

    It is attached rather than created in place, which would lock out readers and writers of the whole table; rows of that week
    that a clock gone wrong has put into the default partition are moved.
    """
    name, default = get_partition_name(table, week), f"{table}_default"
    start, end = f"'{week.isoformat()}'", f"'{(week + WEEK).isoformat()}'"
    its_time = f"at >= {start} AND at < {end}"
    return (
        f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)",
        f"LOCK TABLE {default} IN SHARE ROW EXCLUSIVE MODE",
        f"WITH moved AS (DELETE FROM {default} WHERE {its_time} RETURNING *) INSERT INTO {name} SELECT * FROM moved",
        f"ALTER TABLE {name} ADD CONSTRAINT {name}_week CHECK ({its_time})",
        f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end})",
        f"ALTER TABLE {name} DROP CONSTRAINT {name}_week",
    )
