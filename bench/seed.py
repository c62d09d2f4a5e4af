"""Years of runs in minutes, by COPY: `python -m bench.seed --runs 1000000 [--url postgresql://…]`.

Each run has five stages and twenty events, spread over half a year and over a hundred pipelines, of which a tenth have half of the runs.
Without an address it makes an embedded database in `--home`, which is kept, so that `bench.depth --home` can ask it again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from adapters.persistence.addresses import libpq_url
from adapters.persistence.embedded import EmbeddedPostgres
from adapters.persistence.migrate import upgrade
from adapters.persistence.partitions import PARTITIONED, adding, name_of, weeks
from bench._figures import progress
from domain.definition_reader import read_definition
from domain.definition_writer import pipeline_as_written

PIPELINES = 100
STAGES = 5
EVENTS = 20
SPAN = timedelta(days=180)
CHUNK = 10_000
_COPIES = {
    "run": "id, pipeline_id, revision, number, status, trigger, parameters, trace, pool, records_processed, created_at, started_at,"
    " finished_at, last_seq, burst_state, burst_epoch",
    "attempt": "run_id, position, number, stage, status, created_at, queued_at, started_at, finished_at, records_processed, epoch, worker",
    "event": "run_id, seq, pipeline_id, type, at, stage, attempt, status, actor, data",
    "burst": "run_id, epoch, pool, requested_at, claimed_at, ended_at, holder, flow_run_id, settled_at",
}
_PIPELINE = """
INSERT INTO pipeline (name, revision, created_at, updated_at) VALUES (%s, 1, now(), now()) ON CONFLICT DO NOTHING RETURNING id
"""
_FAILED_EVERY = 13
NEVER_FAILS = 1
"""Its failed runs are the hardest to find: there is none, among many."""
Connection = psycopg.Connection[tuple[Any, ...]]


def main() -> None:
    arguments = _arguments()
    if arguments.url:
        upgrade(arguments.url)
        seed(arguments.url, arguments.runs)
        return
    server = EmbeddedPostgres(arguments.home, QUICK)
    server.start()
    try:
        upgrade(server.url())
        seed(server.url(), arguments.runs)
    finally:
        server.stop()


QUICK = {"max_wal_size": "4GB", "checkpoint_timeout": "30min", "synchronous_commit": "off"}
"""Settings under which millions of rows go in without a checkpoint between; the rows are as safe afterwards."""


def seed(url: str, runs: int, told: bool = True) -> None:
    """Fill up to so many runs; what is there already counts. The database is migrated."""
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        pipelines = _pipelines(connection)
        ((have,),) = connection.execute("SELECT coalesce(max(id), 0) FROM run").fetchall()
        numbers: dict[int, int] = dict(connection.execute("SELECT pipeline_id, max(number) FROM run GROUP BY 1").fetchall())
        now = datetime.now(UTC)
        _weeks(connection, now - SPAN, now)
        began = time.monotonic()
        for first in range(have + 1, runs + 1, CHUNK):
            last = min(first + CHUNK - 1, runs)
            if told:
                progress(f"runs seeded in {time.monotonic() - began:.0f} s", first - 1, runs)
            _chunk(connection, list(_seeded(range(first, last + 1), pipelines, numbers, now - SPAN, SPAN / max(runs, 1))))
        connection.execute("SELECT setval(pg_get_serial_sequence('run', 'id'), greatest((SELECT max(id) FROM run), 1))")
        connection.execute("VACUUM (ANALYZE) run, attempt, event, burst, pipeline, revision")
        if told:
            progress(f"runs seeded in {time.monotonic() - began:.0f} s", runs, runs)


def _pipelines(connection: Connection) -> list[int]:
    """The ids of the seeded pipelines, made if they are not there."""
    stages = [{"name": f"stage-{number}", "command": ["true"]} for number in range(1, STAGES + 1)]
    with connection.transaction():
        for number in range(PIPELINES):
            name = f"seeded-{number:03}"
            definition = json.dumps(pipeline_as_written(read_definition({"name": name, "stages": stages})))
            made = connection.execute(_PIPELINE, [name]).fetchone()
            if made is not None:
                connection.execute(
                    "INSERT INTO revision (pipeline_id, revision, definition, created_at) VALUES (%s, 1, %s, now())", [made[0], definition]
                )
    rows = connection.execute("SELECT id FROM pipeline WHERE name LIKE 'seeded-%' ORDER BY name").fetchall()
    return [int(str(row[0])) for row in rows]


def _weeks(connection: Connection, first: datetime, last: datetime) -> None:
    for table in PARTITIONED:
        for week in weeks(first, last):
            if connection.execute("SELECT to_regclass(%s)", [name_of(table, week)]).fetchone() == (None,):
                with connection.transaction():
                    for statement in adding(table, week):
                        connection.execute(statement)


Rows = dict[str, str]
_TURNS = ("completed", "running")


def _seeded(ids: range, pipelines: Sequence[int], numbers: dict[int, int], begin: datetime, step: timedelta) -> Iterator[Rows]:
    tenth = max(1, len(pipelines) // 10)
    for run_id in ids:
        pipeline = pipelines[run_id % tenth if run_id % 2 else run_id * 7 // 2 % len(pipelines)]
        numbers[pipeline] = number = numbers.get(pipeline, 0) + 1
        yield _run(run_id, pipeline, number, begin + step * run_id)


def _run(run_id: int, pipeline: int, number: int, at: datetime) -> Rows:
    """A run that is over, as text for COPY."""
    opened, begun, ended = (f"{at + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}+00" for seconds in (0, 1, 60))
    failed = run_id % _FAILED_EVERY == 0 and pipeline != NEVER_FAILS
    end, worker = ("failed" if failed else "completed"), f"worker-{run_id % 4}"
    run = f"{run_id}\t{pipeline}\t1\t{number}\t{end}\tapi\t{{}}\t{{}}\theadgate\t{run_id}\t{opened}\t{begun}\t{ended}\t{EVENTS}\tnone\t1\n"
    attempts = "".join(
        f"{run_id}\t{place}\t1\tstage-{place + 1}\t{end if place == STAGES - 1 else 'completed'}"
        f"\t{opened}\t{opened}\t{begun}\t{ended}\t{run_id}\t1\t{worker}\n"
        for place in range(STAGES)
    )
    head = f"{run_id}\t1\t{pipeline}\trun.opened\t{opened}\t\\N\t\\N\t\\N\t\\N\t{{}}\n"
    moves = "".join(
        f"{run_id}\t{seq}\t{pipeline}\tstage.moved\t{begun}\tstage-{seq % STAGES + 1}\t1\t{_TURNS[seq % 2]}\t{worker}\t{{}}\n"
        for seq in range(2, EVENTS)
    )
    tail = f"{run_id}\t{EVENTS}\t{pipeline}\trun.moved\t{ended}\t\\N\t\\N\t{end}\t\\N\t{{}}\n"
    burst = f"{run_id}\t1\theadgate\t{opened}\t{opened}\t{ended}\t{worker}\tflow-{run_id}\t{ended}\n"
    return {"run": run, "attempt": attempts, "event": head + moves + tail, "burst": burst}


def _chunk(connection: Connection, rows: Sequence[Rows]) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        for table, columns in _COPIES.items():
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                copy.write("".join(row[table] for row in rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fill a database with runs.")
    parser.add_argument("--runs", type=int, default=1_000_000, help="how many there are afterwards (1,000,000)")
    parser.add_argument("--url", help="a PostgreSQL to fill; not given: an embedded one")
    parser.add_argument("--home", type=Path, default=Path("/tmp/headgate-seeded"), help="folder of the embedded one (/tmp/headgate-seeded)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
