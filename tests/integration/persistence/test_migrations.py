"""Migrations: every revision goes up and down, the head equals the tables in code, and existing rows are kept."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool

from adapters.persistence import migrate
from adapters.persistence.connection.database_urls import sqlalchemy_url
from adapters.persistence.database import Database
from adapters.persistence.embedded.server import EmbeddedPostgres
from adapters.persistence.migrate import downgrade, get_alembic_config, upgrade
from adapters.persistence.schema_state import SchemaState, get_known_revisions, get_schema_state
from adapters.persistence.tables.metadata import METADATA
from adapters.persistence.tables.partitions import is_partition
from application.commands.reports.report_results import ReportResult
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.incidents import AlertPosition
from application.ports.persistence.receipts import ReceiptKey
from domain.errors import Unavailable
from domain.pipelines.activation import ACTIVE
from domain.pipelines.definition import OnCancel
from domain.runs.dispatch import DispatchState
from domain.runs.events import EventType
from domain.runs.status import Reason, Status
from entrypoints.supervisor.instance_lock import StartError
from entrypoints.supervisor.migration_process import MigrationProcess
from tests.support.postgres import a_database
from tests.support.stored_alerts import add_channel, add_delivery, add_incident

REVISIONS = [script.revision for script in ScriptDirectory.from_config(get_alembic_config()).walk_revisions()][::-1]
CATALOG = """
    SELECT 'column', attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull::text, pg_get_expr(adbin, adrelid)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(pg_constraint.oid), '', ''
    FROM pg_constraint LEFT JOIN pg_class ON pg_class.oid = conrelid
    WHERE connamespace = 'public'::regnamespace AND NOT coalesce(relispartition, false) AND contype <> 'n'
    UNION ALL SELECT 'index', tablename, indexname, indexdef, '', '' FROM pg_indexes JOIN pg_class ON relname = indexname
    WHERE schemaname = 'public' AND relnamespace = 'public'::regnamespace AND NOT relispartition
    UNION ALL SELECT 'options', relname, coalesce(array_to_string(reloptions, ','), pg_get_partkeydef(oid)), '', '', ''
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
"""


OPTIONS = {"compare_server_default": True, "include_name": lambda name, kind, _: kind != "table" or not is_partition(name)}


@contextmanager
def a_connection(url: str) -> Iterator[Connection]:
    with create_engine(sqlalchemy_url(url), poolclass=NullPool).connect() as connection:
        yield connection


def catalog(connection: Connection) -> set[tuple[object, ...]]:
    """Return columns, constraints, indexes and storage options of all tables, as PostgreSQL prints them."""
    return {tuple(row) for row in connection.execute(text(CATALOG)) if "alembic_version" not in (row[1], row[2])}


def test_the_history_ends_in_one_revision() -> None:
    assert len(REVISIONS) > 0
    assert ScriptDirectory.from_config(get_alembic_config()).get_heads() == [REVISIONS[-1]]


def test_the_files_of_the_migrations_are_named_after_their_revisions() -> None:
    assert list(get_known_revisions()) == REVISIONS


def test_every_revision_goes_up_and_down_from_empty(empty_database_url: str) -> None:
    for revision in REVISIONS:
        upgrade(empty_database_url, revision)
        downgrade(empty_database_url, "-1")
        upgrade(empty_database_url, revision)
    downgrade(empty_database_url, "base")

    with a_connection(empty_database_url) as connection:
        assert catalog(connection) == set()
        assert connection.scalar(text("SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace")) == 0


def test_a_database_is_at_the_head_only_when_migrated(empty_database_url: str) -> None:
    with a_connection(empty_database_url) as connection:
        assert get_schema_state(connection) is SchemaState.OLDER

    upgrade(empty_database_url)

    with a_connection(empty_database_url) as connection:
        assert get_schema_state(connection) is SchemaState.CURRENT


def test_the_tables_in_code_equal_those_of_the_migrations(empty_database_url: str, postgres: EmbeddedPostgres) -> None:
    upgrade(empty_database_url)

    with a_connection(empty_database_url) as migrated, a_database(postgres) as name, a_connection(postgres.url(name)) as created:
        METADATA.create_all(created)
        created.commit()

        assert compare_metadata(MigrationContext.configure(migrated, opts=OPTIONS), METADATA) == []
        assert catalog(migrated) == catalog(created)


def test_processes_may_migrate_at_the_same_time(empty_database_url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        for migration in [threads.submit(upgrade, empty_database_url) for _ in range(4)]:
            migration.result()

    with a_connection(empty_database_url) as connection:
        assert get_schema_state(connection) is SchemaState.CURRENT
        assert connection.scalar(text("SELECT count(*) FROM installation")) == 1


def test_a_migration_waits_for_a_locked_table(empty_database_url: str) -> None:
    upgrade(empty_database_url)
    meets = threading.Event()

    with ThreadPoolExecutor(1) as threads, a_connection(empty_database_url) as busy:
        busy.execute(text("LOCK TABLE outbox IN ACCESS SHARE MODE"))
        migration = threads.submit(downgrade, empty_database_url, "base")
        with a_connection(empty_database_url) as watcher:
            while watcher.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'")) == 0:
                watcher.rollback()
                assert not migration.done()
                meets.wait(0.01)
        busy.rollback()
        migration.result(timeout=30)

    with a_connection(empty_database_url) as connection:
        assert catalog(connection) == set()


def test_a_table_that_stays_locked_makes_the_migration_unavailable(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade(empty_database_url)
    monkeypatch.setattr(migrate, "MAX_WAIT_SECONDS", 0.5)

    with a_connection(empty_database_url) as busy:
        busy.execute(text("LOCK TABLE outbox IN ACCESS SHARE MODE"))
        with pytest.raises(Unavailable):
            downgrade(empty_database_url, "base")
        busy.rollback()

    with a_connection(empty_database_url) as connection:
        assert connection.scalar(text("SELECT to_regclass('outbox')")) is not None


def test_a_server_that_does_not_answer_makes_the_migration_unavailable() -> None:
    with pytest.raises(Unavailable):
        upgrade("postgresql://nobody@/nothing?host=/nonexistent")


def test_existing_rows_move_to_weekly_partitions_and_back(empty_database_url: str) -> None:
    upgrade(empty_database_url, "0001")
    moments = ["now()", "now() - interval '20 days'", "'1970-01-01'", "now() + interval '20 years'"]
    with a_connection(empty_database_url) as connection:
        for seq, at in enumerate(moments, start=1):
            connection.execute(
                text(f"INSERT INTO event (run_id, seq, pipeline_id, type, at, data) VALUES (1, {seq}, 1, 'run.opened', {at}, '{{}}')")
            )
            connection.execute(text(f"INSERT INTO log_line VALUES (1, {seq}, 'a', 1, {at}, 'stdout', 'text')"))
        connection.commit()
        before = connection.execute(text("SELECT run_id, seq, at, xid::text FROM event ORDER BY seq")).all()

    upgrade(empty_database_url)

    with a_connection(empty_database_url) as connection:
        homes = [row.home for row in connection.execute(text("SELECT tableoid::regclass::text AS home FROM event ORDER BY seq"))]
        strays = connection.execute(text("SELECT n FROM log_line_default ORDER BY n")).scalars().all()
        assert connection.execute(text("SELECT run_id, seq, at, xid::text FROM event ORDER BY seq")).all() == before
    assert homes[2:] == ["event_default", "event_default"]
    assert "event_default" not in homes[:2] and homes[0] != homes[1]
    assert strays == [3, 4]

    downgrade(empty_database_url, "0001")

    with a_connection(empty_database_url) as connection:
        assert connection.execute(text("SELECT run_id, seq, at, xid::text FROM event ORDER BY seq")).all() == before
        assert connection.scalar(text("SELECT count(*) FROM log_line")) == 4


def test_first_failures_are_found_in_existing_attempts(empty_database_url: str) -> None:
    upgrade(empty_database_url, "0007")
    with a_connection(empty_database_url) as connection:
        connection.execute(text("INSERT INTO pipeline (name, revision, created_at, updated_at) VALUES ('p', 1, now(), now())"))
        connection.execute(text("INSERT INTO revision (pipeline_id, revision, definition, created_at) VALUES (1, 1, '{}', now())"))
        for number, fingerprint in enumerate(("'alike'", "NULL", "'alike'", "'other'"), start=1):
            connection.execute(
                text(
                    "INSERT INTO run (pipeline_id, revision, number, status, trigger, parameters, trace, pool, created_at, last_seq,"
                    f" burst_state, burst_epoch) VALUES (1, 1, {number}, 'failed', 'api', '{{}}', '{{}}', 'headgate', now(), 1, 'none', 0)"
                )
            )
            connection.execute(
                text(
                    "INSERT INTO attempt (run_id, position, number, stage, status, created_at, finished_at, fingerprint)"
                    f" VALUES ({number}, 0, 1, 'load', 'failed', now(), '2026-01-0{number}', {fingerprint})"
                )
            )
        connection.commit()

    upgrade(empty_database_url)

    with a_connection(empty_database_url) as connection:
        seen = connection.execute(text("SELECT stage, fingerprint, run_id, first_at::date::text FROM failure ORDER BY fingerprint")).all()
    assert [tuple(row) for row in seen] == [("load", "alike", 1, "2026-01-01"), ("load", "other", 4, "2026-01-04")]


RELEASE_BEFORE = "0009"
OLD_EVENTS = [
    ("run.opened", "now() - interval '20 days'", {"trigger": "api"}),
    ("burst.requested", "now() - interval '20 days'", {"burst": 1, "pool": "headgate"}),
    ("burst.claimed", "now() - interval '10 days'", {"burst": 1}),
    ("stage.moved", "now()", {"burst.of": "kept", "message": "burst"}),
    ("burst.ended", "'1970-01-01'", {"burst": 1}),
]
OLD_RECEIPT = {
    "http_status": 200,
    "applied": True,
    "why": None,
    "run_id": 1,
    "seq": 4,
    "status": "running",
    "problem": None,
    "facts": {},
}


STORED_PIPELINE = (
    "INSERT INTO pipeline (name, revision, created_at, updated_at) VALUES ('p', 1, now(), now())",
    """INSERT INTO revision (pipeline_id, revision, definition, created_at)
       VALUES (1, 1, '{"name": "p", "stages": [{"name": "a", "kind": "external"}]}', now())""",
)


def store_a_run_of_the_release_before(connection: Connection) -> None:
    """Store one run of schema 0009 with a claimed burst, events in several partitions, a lease, an outbox row, receipts and logs."""
    for statement in (
        *STORED_PIPELINE,
        """INSERT INTO run (pipeline_id, revision, number, status, trigger, parameters, trace, pool, created_at, last_seq, burst_state,
           burst_epoch, burst_holder)
           VALUES (1, 1, 1, 'running', 'api', '{}', '{}', 'headgate', now() - interval '20 days', 5, 'claimed', 1, 'worker-1')""",
        """INSERT INTO attempt (run_id, position, number, stage, status, created_at, started_at)
           VALUES (1, 0, 1, 'a', 'running', now(), now())""",
        """INSERT INTO burst (run_id, epoch, pool, requested_at, claimed_at, holder, flow_run_id)
           VALUES (1, 1, 'headgate', now(), now(), 'worker-1', 'flow-1')""",
        "INSERT INTO lease (run_id, epoch, worker, expires_at) VALUES (1, 1, 'worker-1', now() + interval '1 hour')",
        "INSERT INTO outbox (run_id, epoch, pool, created_at) VALUES (1, 1, 'headgate', now())",
        "INSERT INTO log_line (run_id, n, stage, attempt, at, stream, text) VALUES (1, 1, 'a', 1, now(), 'stdout', 'burst.requested')",
        "INSERT INTO log_counter (run_id, last_n) VALUES (1, 1)",
        """INSERT INTO idempotency (scope, key, digest, answer, created_at) VALUES ('s', 'k', 'd', '{"run_id": 1}', now())""",
    ):
        connection.execute(text(statement.replace(":", "\\:")))
    for seq, (kind, at, data) in enumerate(OLD_EVENTS, start=1):
        insert = f"INSERT INTO event (run_id, seq, pipeline_id, type, at, data) VALUES (1, {seq}, 1, :kind, {at}, CAST(:data AS jsonb))"
        connection.execute(text(insert), {"kind": kind, "data": json.dumps(data)})
    connection.execute(
        text(
            "INSERT INTO report_receipt (run_id, reporter, event_id, digest, answer, created_at)"
            " VALUES (1, '', 'e-1', 'digest', CAST(:answer AS jsonb), now())"
        ),
        {"answer": json.dumps(OLD_RECEIPT)},
    )
    connection.commit()


def read_events(connection: Connection) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(text("SELECT seq, type, data, at, xid::text FROM event ORDER BY seq"))]


async def test_a_database_of_the_release_before_reads_as_before(empty_database_url: str) -> None:
    upgrade(empty_database_url, RELEASE_BEFORE)
    with a_connection(empty_database_url) as connection:
        store_a_run_of_the_release_before(connection)
        before = read_events(connection)

    upgrade(empty_database_url)

    database = Database(empty_database_url)
    try:
        (run,) = await database.reader.runs(pipeline_id=None, status=None, skip=0, limit=5)
        events = await database.reader.events(1, 0, 10)
        lines = await database.reader.log(1, stage=None, attempt=None, after=0, limit=10)
        async with database.open_unit_of_work() as work:
            key = ReceiptKey(1, "", "e-1")
            receipts = await work.receipts.find([key])
            answer = await work.idempotency.find(IdempotencyKey("s", "k", b"d"), datetime.now(UTC))
            record = await work.dispatches.find(1, 1)
            leases = await work.leases.find_held_by("worker-1")
    finally:
        await database.stop()
    assert (run.dispatch_state, run.dispatch_epoch, run.dispatch_holder, run.flow_run_ids) == ("claimed", 1, "worker-1", ["flow-1"])
    # The event of 1970 is outside of the time range that readers look at, as before.
    assert [(event.type, event.data) for event in events] == [
        (EventType.RUN_OPENED, {"trigger": "api"}),
        (EventType.DISPATCH_REQUESTED, {"dispatch": 1, "pool": "headgate"}),
        (EventType.DISPATCH_CLAIMED, {"dispatch": 1}),
        (EventType.STAGE_MOVED, {"burst.of": "kept", "message": "burst"}),
    ]
    assert [line.text for line in lines] == ["burst.requested"]
    result = ReportResult.from_json(receipts[key].answer)
    assert (result.applied, result.run_id, result.seq, result.status) == (True, 1, 4, Status.RUNNING)
    assert answer == {"run_id": 1}
    assert record is not None and (record.state, record.flow_run_id) == (DispatchState.CLAIMED, "flow-1")
    assert [(lease.run_id, lease.epoch) for lease in leases] == [(1, 1)]
    with a_connection(empty_database_url) as connection:
        assert [(seq, at, xid) for seq, _, _, at, xid in read_events(connection)] == [(seq, at, xid) for seq, _, _, at, xid in before]

    downgrade(empty_database_url, RELEASE_BEFORE)

    with a_connection(empty_database_url) as connection:
        assert read_events(connection) == before
        assert connection.scalar(text("SELECT burst_holder FROM run")) == connection.scalar(text("SELECT holder FROM burst")) == "worker-1"


BEFORE_PAUSES = "0016"
PAUSE = text("INSERT INTO audit (at, deed, thing, details) VALUES (now(), 'pipeline_paused', 'pipeline p', '{}')")


async def test_a_pipeline_of_the_release_before_is_active_and_audit_entries_survive_a_downgrade(empty_database_url: str) -> None:
    upgrade(empty_database_url, BEFORE_PAUSES)
    with a_connection(empty_database_url) as connection:
        for statement in STORED_PIPELINE:
            connection.execute(text(statement.replace(":", "\\:")))
        connection.commit()

    upgrade(empty_database_url)

    database = Database(empty_database_url)
    try:
        async with database.open_unit_of_work() as work:
            pipeline = await work.pipelines.find("p", lock=True)
            assert pipeline is not None and pipeline.activation == ACTIVE
            await work.pipelines.set_activation(pipeline.id, ACTIVE.pause(datetime.now(UTC), "mara"))
            await work.commit()
    finally:
        await database.stop()
    with a_connection(empty_database_url) as connection:
        connection.execute(PAUSE)
        connection.commit()

    downgrade(empty_database_url, BEFORE_PAUSES)

    with a_connection(empty_database_url) as connection:
        assert connection.execute(text("SELECT name, revision FROM pipeline")).all() == [("p", 1)]
        assert connection.scalar(text("SELECT count(*) FROM audit WHERE deed = 'pipeline_paused'")) == 1
        with pytest.raises(IntegrityError):
            connection.execute(PAUSE)
    upgrade(empty_database_url)


BEFORE_ORIGINS = "0029"
AUDITED = "INSERT INTO audit (at, deed, who, thing, details) VALUES ('2026-11-01T0{hour}:00Z', '{deed}', {who}, '{thing}', '{details}')"


def test_the_authors_of_stored_revisions_are_found_in_the_audit_log(empty_database_url: str) -> None:
    upgrade(empty_database_url, BEFORE_ORIGINS)
    entries = [
        (1, "pipeline_created", "'ann'", "pipeline p", '{"id": 1}'),
        (2, "pipeline_changed", "'bob'", "pipeline p", '{"revision": 2, "renamed": "q"}'),
        (3, "pipeline_changed", "'cleo'", "pipeline q", '{"revision": 3}'),
        (3, "pipeline_changed", "'eve'", "pipeline other", '{"revision": 3}'),
        (4, "pipeline_changed", "NULL", "pipeline q", '{"revision": 4}'),
    ]
    with a_connection(empty_database_url) as connection:
        connection.execute(text("INSERT INTO pipeline (name, revision, created_at, updated_at) VALUES ('q', 5, now(), now())"))
        for number, name in enumerate(("p", "q", "q", "q", "q"), 1):
            row = {"number": number, "definition": json.dumps({"name": name, "stages": []}), "at": f"2026-11-01T0{number}:00Z"}
            connection.execute(text("INSERT INTO revision VALUES (1, :number, :definition, :at)"), row)
        for hour, deed, who, thing, details in entries:
            statement = AUDITED.format(hour=hour, deed=deed, who=who, thing=thing, details=details)
            connection.execute(text(statement.replace(":", "\\:")))
        connection.commit()

    upgrade(empty_database_url)

    with a_connection(empty_database_url) as connection:
        rows = connection.execute(text("SELECT revision, created_by, source, restored_from FROM revision ORDER BY revision")).all()
        assert [tuple(row) for row in rows] == [
            (1, "ann", None, None),
            (2, "bob", None, None),
            (3, "cleo", None, None),
            (4, None, None, None),
            (5, None, None, None),
        ]
    downgrade(empty_database_url, BEFORE_ORIGINS)
    upgrade(empty_database_url)


BEFORE_ALERTS = "0023"
ACKNOWLEDGE = text("INSERT INTO audit (at, deed, thing, details) VALUES (now(), 'incident_acknowledged', 'incident 1', '{}')")


async def test_a_database_of_the_release_before_alerts_has_none_and_goes_back_with_its_audit_log(empty_database_url: str) -> None:
    upgrade(empty_database_url, BEFORE_ALERTS)
    with a_connection(empty_database_url) as connection:
        for statement in STORED_PIPELINE:
            connection.execute(text(statement.replace(":", "\\:")))
        connection.execute(PAUSE)
        connection.commit()

    upgrade(empty_database_url)

    database = Database(empty_database_url)
    try:
        async with database.open_unit_of_work() as work:
            assert await work.incidents.lock_position() == AlertPosition(None)
            assert not await work.alert_rules.has_any()
            await work.commit()
        channel = await add_channel(database.open_unit_of_work)
        incident = await add_incident(database.open_unit_of_work, 1)
        await add_delivery(database.open_unit_of_work, channel, incident=incident)
        assert (await database.reader.open_incidents(9)).count == 1
    finally:
        await database.stop()
    with a_connection(empty_database_url) as connection:
        connection.execute(ACKNOWLEDGE)
        connection.commit()

    downgrade(empty_database_url, BEFORE_ALERTS)

    with a_connection(empty_database_url) as connection:
        assert connection.execute(text("SELECT name, revision FROM pipeline")).all() == [("p", 1)]
        assert connection.execute(text("SELECT deed FROM audit ORDER BY id")).scalars().all() == [
            "pipeline_paused",
            "incident_acknowledged",
        ]
        with pytest.raises(IntegrityError):
            connection.execute(ACKNOWLEDGE)
    upgrade(empty_database_url)


BEFORE_FLOW_RUNS = "0027"
A_WAITING_ATTEMPT = """INSERT INTO attempt (run_id, position, number, stage, status, reason, created_at)
    VALUES (1, 0, {number}, 'a', 'waiting', '{reason}', now())"""


async def test_a_database_of_the_release_before_flow_runs_has_none_and_goes_back_without_them(empty_database_url: str) -> None:
    upgrade(empty_database_url, BEFORE_FLOW_RUNS)
    with a_connection(empty_database_url) as connection:
        for statement in STORED_PIPELINE:
            connection.execute(text(statement.replace(":", "\\:")))
        run = """INSERT INTO run (pipeline_id, revision, number, status, trigger, parameters, trace, pool, created_at, last_seq,
                 dispatch_state, dispatch_epoch) VALUES (1, 1, 1, 'waiting', 'api', '{}', '{}', 'headgate', now(), 1, 'none', 0)"""
        for statement in (run, A_WAITING_ATTEMPT.format(number=1, reason="external")):
            connection.execute(text(statement))
        connection.commit()

    upgrade(empty_database_url)

    database = Database(empty_database_url)
    try:
        view = await database.reader.run(1)
        assert view is not None
        assert (view.stages[0].newest.reason, view.stages[0].newest.flow_run) == (Reason.EXTERNAL, None)
        async with database.open_unit_of_work() as work:
            (stage,) = (await work.runs.lock([1]))[1].stages.values()
            assert (stage.definition.deployment, stage.definition.on_cancel) == (None, OnCancel.CANCEL)
            assert stage.current.flow_run is None
            assert await work.flow_runs.begin_poll(2.0, 10) == []
            await work.commit()
    finally:
        await database.stop()
    with a_connection(empty_database_url) as connection:
        connection.execute(text(A_WAITING_ATTEMPT.format(number=2, reason="paused")))
        with pytest.raises(IntegrityError):
            connection.execute(text(A_WAITING_ATTEMPT.format(number=3, reason="tired")))
        connection.rollback()
        connection.execute(text(A_WAITING_ATTEMPT.format(number=2, reason="paused")))
        connection.commit()

    downgrade(empty_database_url, BEFORE_FLOW_RUNS)

    with a_connection(empty_database_url) as connection:
        rows = connection.execute(text("SELECT number, status, reason FROM attempt ORDER BY number")).all()
        assert rows == [(1, "waiting", "external"), (2, "waiting", None)]
        with pytest.raises(IntegrityError):
            connection.execute(text(A_WAITING_ATTEMPT.format(number=3, reason="paused")))
    upgrade(empty_database_url)


def test_a_rename_of_events_that_was_interrupted_is_completed(empty_database_url: str) -> None:
    upgrade(empty_database_url, RELEASE_BEFORE)
    with a_connection(empty_database_url) as connection:
        store_a_run_of_the_release_before(connection)
        before = read_events(connection)
        connection.execute(text("UPDATE event SET type = 'dispatch.claimed', data = '{\"dispatch\"\\: 1}' WHERE seq = 3"))
        connection.commit()

    upgrade(empty_database_url)
    with a_connection(empty_database_url) as connection:
        types = [row[1] for row in read_events(connection)]
    downgrade(empty_database_url, RELEASE_BEFORE)

    assert types == ["run.opened", "dispatch.requested", "dispatch.claimed", "stage.moved", "dispatch.ended"]
    with a_connection(empty_database_url) as connection:
        assert read_events(connection) == before


def test_a_migration_process_migrates_and_ends(empty_database_url: str) -> None:
    migration = MigrationProcess()

    migration(empty_database_url)
    migration.end()

    with a_connection(empty_database_url) as connection:
        assert get_schema_state(connection) is SchemaState.CURRENT


def test_a_migration_loads_only_what_it_needs(empty_database_url: str) -> None:
    heavy = "alembic", "sqlmodel", "adapters.persistence.tables.metadata"
    script = f"import sys; from {upgrade.__module__} import upgrade; upgrade(sys.argv[1]); print(*(n for n in {heavy} if n in sys.modules))"

    first, second = (subprocess.check_output([sys.executable, "-c", script, empty_database_url], text=True) for _ in range(2))

    assert first.split() == ["alembic"]
    assert second.split() == []


def test_a_failed_migration_process_reports_one_line(empty_database_url: str) -> None:
    migration = MigrationProcess()

    with pytest.raises(StartError, match=r"^The database could not be migrated: .*No such file or directory"):
        migration(f"{empty_database_url}x")


def test_a_migration_process_that_never_began_leaves_nothing_behind() -> None:
    migration = MigrationProcess()

    migration.end()

    assert migration._process.returncode == -signal.SIGKILL
