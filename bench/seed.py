"""Fill a database with finished runs: `python -m bench.seed --runs 1000000 [--url postgresql://…]`. The database generates the rows.

Each run has five stages, twenty events and a tick of its pipeline's schedule. The runs spread over half a year and a hundred pipelines, a
tenth of which have half of the runs. The first runs hold the slots of a group or wait for one, and every third run has an incident.
Without a URL, the embedded database in `--home` is filled and kept, and `bench.depth --home` can use it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from adapters.persistence.connection.database_urls import libpq_url
from adapters.persistence.embedded.server import EmbeddedPostgres
from adapters.persistence.migrate import upgrade
from adapters.persistence.tables.partitions import PARTITIONED_TABLES, build_add_partition_sql, get_partition_name, list_weeks
from bench.support.measurements import print_progress
from bench.support.seeded_alerts import ALERTS, CHANNELS
from domain.pipelines.parsing import parse_definition
from domain.pipelines.serialization import serialize_pipeline

PIPELINES = 100
STAGES = 5
EVENTS = 20
SPAN = timedelta(days=180)
CHUNK = 10_000
_REBUILD_INDEXES_FROM = 50_000
"""From this number of runs on, indexes are dropped and rebuilt at the end."""
_SEEDED = "CREATE TEMPORARY TABLE seeded (id bigint, pipeline bigint, number bigint, ending text, at timestamptz) ON COMMIT DROP"
_FILLS = (
    f"""
INSERT INTO run (id, pipeline_id, revision, number, status, trigger, parameters, trace, pool, records_processed, created_at, started_at,
                 finished_at, last_seq, dispatch_state, dispatch_epoch) OVERRIDING SYSTEM VALUE
SELECT id, pipeline, 1, number, ending, 'api', '{{}}', '{{}}', 'headgate', id, at, at + '1 s', at + '60 s', {EVENTS}, 'none', 1 FROM seeded
""",
    f"""
INSERT INTO attempt (run_id, position, number, stage, status, created_at, queued_at, started_at, finished_at, records_processed, epoch,
                     worker, error_message, fingerprint)
SELECT id, place, 1, 'stage-' || place + 1, CASE WHEN place = {STAGES - 1} THEN ending ELSE 'completed' END,
       at, at, at + '1 s', at + '60 s', id, 1, 'worker-' || id % 4,
       CASE WHEN place = {STAGES - 1} AND ending = 'failed' THEN 'failed in way ' || number / 2 END,
       CASE WHEN place = {STAGES - 1} AND ending = 'failed' THEN left(md5((number / 2)::text), 10) END
FROM seeded, generate_series(0, {STAGES - 1}) AS place
""",
    f"""
INSERT INTO event (run_id, seq, pipeline_id, type, at, stage, attempt, status, actor, data)
SELECT id, seq, pipeline,
       CASE seq WHEN 1 THEN 'run.opened' WHEN {EVENTS} THEN 'run.moved' ELSE 'stage.moved' END,
       CASE seq WHEN 1 THEN at WHEN {EVENTS} THEN at + '60 s' ELSE at + '1 s' END,
       CASE WHEN seq NOT IN (1, {EVENTS}) THEN 'stage-' || seq % {STAGES} + 1 END,
       CASE WHEN seq NOT IN (1, {EVENTS}) THEN 1 END,
       CASE WHEN seq = {EVENTS} THEN ending WHEN seq = 1 THEN NULL WHEN seq % 2 = 0 THEN 'completed' ELSE 'running' END,
       CASE WHEN seq NOT IN (1, {EVENTS}) THEN 'worker-' || id % 4 END,
       '{{}}'
FROM seeded, generate_series(1, {EVENTS}) AS seq
""",
    f"""
INSERT INTO failure (pipeline_id, stage, fingerprint, run_id, first_at)
SELECT DISTINCT ON (1, 3) pipeline, 'stage-{STAGES}', left(md5((number / 2)::text), 10), id, at FROM seeded WHERE ending = 'failed'
ORDER BY 1, 3, at ON CONFLICT DO NOTHING
""",
    """
INSERT INTO tick (schedule_id, due_at, pipeline_id, fire_at, state, run_id, decided_at, reason)
SELECT schedule.id, at, pipeline, at, CASE WHEN seeded.id % 17 = 0 THEN 'missed' ELSE 'fired' END,
       CASE WHEN seeded.id % 17 > 0 THEN seeded.id END, at, CASE WHEN seeded.id % 17 = 0 THEN 'outage' END
FROM seeded JOIN schedule ON schedule.pipeline_id = pipeline
""",
    *ALERTS,
    """
INSERT INTO dispatch (run_id, epoch, pool, requested_at, claimed_at, ended_at, holder, flow_run_id, settled_at)
SELECT id, 1, 'headgate', at, at, at + '60 s', 'worker-' || id % 4, 'flow-' || id, at + '60 s' FROM seeded
""",
)
GROUP = "warehouse"
GROUP_LIMIT = 4
WAITING_RUNS = 1_000
_SLOTS = f"""
WITH limits AS (INSERT INTO concurrency_limit (name, pipeline_id, limit_, set_at)
     SELECT 'pipeline:' || id, id, 10_000, now() FROM pipeline UNION ALL SELECT 'group:{GROUP}', NULL, {GROUP_LIMIT}, now()
     ON CONFLICT DO NOTHING),
uses AS (INSERT INTO group_use (group_name, pipeline_id, limit_, by_run, stages)
     SELECT '{GROUP}', id, {GROUP_LIMIT}, true, 0 FROM pipeline ORDER BY id LIMIT 10 ON CONFLICT DO NOTHING),
buckets AS (SELECT id, at, priority, name FROM (SELECT id, pipeline_id, created_at AS at, id % 5 AS priority FROM run
     WHERE id <= {GROUP_LIMIT + WAITING_RUNS}) AS first_runs,
     LATERAL (VALUES ('group:{GROUP}'::text), ('pipeline:' || pipeline_id)) AS named (name)),
slots AS (INSERT INTO slot (bucket, run_id, position, limit_name, taken_at, over_limit)
     SELECT name, id, -1, name, at, false FROM buckets WHERE id <= {GROUP_LIMIT} ON CONFLICT DO NOTHING)
INSERT INTO slot_wait (bucket, run_id, position, limit_name, priority, waits_since)
SELECT name, id, -1, name, priority, at FROM buckets WHERE id > {GROUP_LIMIT} ON CONFLICT DO NOTHING
"""
FLOW_RUNS = 5_000
_FLOW_RUNS = f"""
INSERT INTO flow_run (run_id, stage, attempt, requested_at, due_at, flow_run_id, created_at)
SELECT number, 'stage-1', 1, now(), now() + CASE WHEN number % 10 = 1 THEN '-1 s' ELSE '1 d' END::interval,
       CASE WHEN number % 10 = 0 THEN 'flow-' || number END, CASE WHEN number % 10 = 0 THEN now() END
FROM generate_series(1, {FLOW_RUNS}) AS number ON CONFLICT DO NOTHING
"""
"""A tenth is followed, a tenth is due, and the others wait, as while Prefect does not respond."""
_TABLES = "('run'::regclass, 'attempt'::regclass, 'event'::regclass, 'dispatch'::regclass)"
_CONSTRAINTS = f"""
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype IN ('f', 'p', 'u') AND conparentid = 0 AND (conrelid IN {_TABLES} OR confrelid IN {_TABLES}) ORDER BY contype <> 'f', conname
"""
"""Foreign keys first: a constraint cannot be dropped before the foreign keys that refer to it."""
_INDEXES = f"""
SELECT indexrelid::regclass::text, replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') FROM pg_index
WHERE indrelid IN {_TABLES} AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""
_PIPELINE = """
INSERT INTO pipeline (name, revision, created_at, updated_at) VALUES (%s, 1, now(), now()) ON CONFLICT DO NOTHING RETURNING id
"""
_SCHEDULE = {"name": "daily", "cron": "0 3 * * *"}
_FAILED_EVERY = 13
NEVER_FAILS = 1
"""The pipeline without failed runs: a search for them is the most expensive."""
Connection = psycopg.Connection[tuple[Any, ...]]


def main() -> None:
    arguments = _parse_arguments()
    if arguments.url:
        upgrade(arguments.url)
        seed(arguments.url, arguments.runs)
        return
    server = EmbeddedPostgres(arguments.home, FAST_SETTINGS)
    server.start()
    try:
        upgrade(server.url())
        seed(server.url(), arguments.runs)
    finally:
        server.stop()


FAST_SETTINGS = {"max_wal_size": "4GB", "checkpoint_timeout": "30min", "synchronous_commit": "off"}
"""Server settings to insert millions of rows without checkpoints in between."""


def seed(url: str, runs: int, show_progress: bool = True) -> None:
    """Add runs until there are `runs`. The database must be migrated."""
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        pipelines = _create_pipelines(connection)
        ((existing,),) = connection.execute("SELECT coalesce(max(id), 0) FROM run").fetchall()
        numbers: dict[int, int] = dict(connection.execute("SELECT pipeline_id, max(number) FROM run GROUP BY 1").fetchall())
        now = datetime.now(UTC)
        _create_partitions(connection, now - SPAN, now)
        connection.execute(CHANNELS)
        started = time.monotonic()
        with _without_indexes(connection) if runs - existing >= _REBUILD_INDEXES_FROM else nullcontext():
            for first in range(existing + 1, runs + 1, CHUNK):
                last = min(first + CHUNK - 1, runs)
                if show_progress:
                    print_progress(f"runs seeded in {time.monotonic() - started:.0f} s", first - 1, runs)
                _insert_chunk(connection, _generate_runs(range(first, last + 1), pipelines, numbers, now - SPAN, SPAN / max(runs, 1)))
        connection.execute("SELECT setval(pg_get_serial_sequence('run', 'id'), greatest((SELECT max(id) FROM run), 1))")
        connection.execute("SELECT setval(pg_get_serial_sequence('incident', 'id'), greatest((SELECT max(id) FROM incident), 1))")
        connection.execute("SELECT setval(pg_get_serial_sequence('delivery', 'id'), greatest((SELECT max(id) FROM delivery), 1))")
        connection.execute(_SLOTS)
        connection.execute(_FLOW_RUNS)
        connection.execute("VACUUM (ANALYZE) run, attempt, failure, event, dispatch, pipeline, revision, schedule, tick")
        connection.execute("VACUUM (ANALYZE) incident, incident_entry, alert_rule_state, alert_message, delivery, channel, channel_use")
        connection.execute("VACUUM (ANALYZE) slot, slot_wait, concurrency_limit, group_use, flow_run")
        if show_progress:
            print_progress(f"runs seeded in {time.monotonic() - started:.0f} s", runs, runs)


def _create_pipelines(connection: Connection) -> list[int]:
    """Return the ids of the seeded pipelines. Create those that do not exist."""
    stages = [{"name": f"stage-{number}", "command": ["true"]} for number in range(1, STAGES + 1)]
    with connection.transaction():
        for number in range(PIPELINES):
            name = f"seeded-{number:03}"
            definition = json.dumps(serialize_pipeline(parse_definition({"name": name, "stages": stages, "schedules": [_SCHEDULE]})))
            created = connection.execute(_PIPELINE, [name]).fetchone()
            if created is not None:
                connection.execute(
                    "INSERT INTO revision (pipeline_id, revision, definition, created_at) VALUES (%s, 1, %s, now())",
                    [created[0], definition],
                )
                connection.execute(
                    "INSERT INTO schedule (pipeline_id, name, next_due_at, next_fire_at) VALUES (%s, %s, now() + '1 d', now() + '1 d')",
                    [created[0], _SCHEDULE["name"]],
                )
    rows = connection.execute("SELECT id FROM pipeline WHERE name LIKE 'seeded-%' ORDER BY name").fetchall()
    return [int(str(row[0])) for row in rows]


def _create_partitions(connection: Connection, first: datetime, last: datetime) -> None:
    for table in PARTITIONED_TABLES:
        for week in list_weeks(first, last):
            if connection.execute("SELECT to_regclass(%s)", [get_partition_name(table, week)]).fetchone() == (None,):
                with connection.transaction():
                    for statement in build_add_partition_sql(table, week):
                        connection.execute(statement)


RunRow = tuple[int, int, int, str, datetime]
"""id, pipeline id, number, status, time of creation"""


def _generate_runs(ids: range, pipelines: Sequence[int], numbers: dict[int, int], begin: datetime, step: timedelta) -> Iterator[RunRow]:
    """Yield finished runs. `numbers` holds the last run number of each pipeline and is updated."""
    tenth = max(1, len(pipelines) // 10)
    for run_id in ids:
        pipeline = pipelines[run_id % tenth if run_id % 2 else run_id * 7 // 2 % len(pipelines)]
        numbers[pipeline] = number = numbers.get(pipeline, 0) + 1
        failed = run_id % _FAILED_EVERY == 0 and pipeline != NEVER_FAILS
        yield run_id, pipeline, number, "failed" if failed else "completed", begin + step * run_id


def _insert_chunk(connection: Connection, rows: Iterable[RunRow]) -> None:
    """Copy one row per run; the database generates the rows of all tables from it."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_SEEDED)
        with cursor.copy("COPY seeded FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        for statement in _FILLS:
            cursor.execute(statement)


@contextmanager
def _without_indexes(connection: Connection) -> Iterator[None]:
    """Drop the indexes and constraints of the growing tables, and restore them afterwards, validated."""
    constraints = connection.execute(_CONSTRAINTS).fetchall()
    indexes = connection.execute(_INDEXES).fetchall()
    with connection.transaction():
        for table, name, _ in constraints:
            connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
    try:
        yield
    finally:
        connection.execute("SET maintenance_work_mem = '512MB'")
        with connection.transaction():
            for _, index in indexes:
                connection.execute(index)
            for table, name, definition in reversed(constraints):
                connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fill a database with runs.")
    parser.add_argument("--runs", type=int, default=1_000_000, help="runs in the database afterwards (default: 1,000,000)")
    parser.add_argument("--url", help="database to fill (default: an embedded one)")
    parser.add_argument(
        "--home", type=Path, default=Path("/tmp/headgate-seeded"), help="folder of the embedded one (default: /tmp/headgate-seeded)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
