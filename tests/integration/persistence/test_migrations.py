"""The schema: its history walks up and down, ends in one place, and is what the tables say."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from adapters.persistence import migrate
from adapters.persistence.connection.database_urls import sqlalchemy_url
from adapters.persistence.embedded.server import EmbeddedPostgres
from adapters.persistence.migrate import downgrade, get_alembic_config, get_head_revisions, is_at_head, upgrade
from adapters.persistence.tables.metadata import METADATA
from adapters.persistence.tables.partitions import is_partition
from domain.errors import Unavailable
from entrypoints.supervisor.instance_lock import StartError
from entrypoints.supervisor.migration_process import MigrationProcess
from tests.support.postgres import a_database

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
    """Columns, constraints (NOT NULL with its column), indexes and storage options of our tables, in PostgreSQL's own words."""
    return {tuple(row) for row in connection.execute(text(CATALOG)) if "alembic_version" not in (row[1], row[2])}


def test_the_history_ends_in_one_revision() -> None:
    assert len(REVISIONS) > 0
    assert get_head_revisions() == {REVISIONS[-1]}


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
        assert not is_at_head(connection)

    upgrade(empty_database_url)

    with a_connection(empty_database_url) as connection:
        assert is_at_head(connection)


def test_the_tables_in_code_are_those_of_the_migrations(empty_database_url: str, postgres: EmbeddedPostgres) -> None:
    upgrade(empty_database_url)

    with a_connection(empty_database_url) as migrated, a_database(postgres) as name, a_connection(postgres.url(name)) as created:
        METADATA.create_all(created)
        created.commit()

        assert compare_metadata(MigrationContext.configure(migrated, opts=OPTIONS), METADATA) == []
        assert catalog(migrated) == catalog(created)


def test_processes_that_migrate_at_once_do_not_disturb_each_other(empty_database_url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        for migration in [threads.submit(upgrade, empty_database_url) for _ in range(4)]:
            migration.result()

    with a_connection(empty_database_url) as connection:
        assert is_at_head(connection)
        assert connection.scalar(text("SELECT count(*) FROM installation")) == 1


def test_a_migration_that_meets_a_locked_table_tries_again(empty_database_url: str) -> None:
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


def test_a_table_that_stays_locked_is_told_as_unavailable(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade(empty_database_url)
    monkeypatch.setattr(migrate, "MAX_WAIT_SECONDS", 0.5)

    with a_connection(empty_database_url) as busy:
        busy.execute(text("LOCK TABLE outbox IN ACCESS SHARE MODE"))
        with pytest.raises(Unavailable):
            downgrade(empty_database_url, "base")
        busy.rollback()

    with a_connection(empty_database_url) as connection:
        assert connection.scalar(text("SELECT to_regclass('outbox')")) is not None


def test_a_server_that_is_not_there_is_told_as_unavailable() -> None:
    with pytest.raises(Unavailable):
        upgrade("postgresql://nobody@/nothing?host=/nonexistent")


def test_rows_of_before_lie_in_their_weeks_and_come_back_on_the_way_down(empty_database_url: str) -> None:
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


def test_when_failures_were_first_seen_is_found_in_what_was_stored_before(empty_database_url: str) -> None:
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


def test_it_is_done_by_a_process_that_ends_with_it(empty_database_url: str) -> None:
    migration = MigrationProcess()

    migration(empty_database_url)
    migration.end()

    with a_connection(empty_database_url) as connection:
        assert is_at_head(connection)


def test_what_it_cannot_do_is_said_in_one_line(empty_database_url: str) -> None:
    migration = MigrationProcess()

    with pytest.raises(StartError, match=r"^The database could not be migrated: .*No such file or directory"):
        migration(f"{empty_database_url}x")


def test_one_that_never_began_leaves_nothing_behind() -> None:
    migration = MigrationProcess()

    migration.end()

    assert migration._process.returncode == -signal.SIGKILL
