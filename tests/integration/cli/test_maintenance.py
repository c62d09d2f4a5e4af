"""`headgate prune` and `headgate retry-prefect` on a real database."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from typer.testing import CliRunner

from adapters.persistence.connection.database_urls import sqlalchemy_url
from adapters.persistence.tables.partitions import WEEK, build_add_partition_sql, get_partition_name, get_week_start
from entrypoints.cli.app import app


def test_prune_lists_what_it_dropped_and_then_finds_nothing(database_url: str, tmp_path: Path) -> None:
    old = get_week_start(datetime.now(UTC)) - 10 * WEEK
    with create_engine(sqlalchemy_url(database_url), poolclass=NullPool).begin() as connection:
        for table in ("event", "log_line"):
            for statement in build_add_partition_sql(table, old):
                connection.execute(text(statement))
    environment = {
        "HEADGATE_DATABASE_URL": database_url.replace("+psycopg", ""),
        "HEADGATE_PREFECT_API_URL": "http://127.0.0.1:1/api",
        "HEADGATE_HOME": str(tmp_path),
    }

    first = CliRunner().invoke(app, ["prune"], env=environment)
    again = CliRunner().invoke(app, ["prune"], env=environment)
    released = CliRunner().invoke(app, ["retry-prefect"], env=environment)

    assert first.output == f"dropped {get_partition_name('log_line', old)}\n"  # events are kept for 90 days
    assert again.output == "Nothing to delete.\n"
    assert released.output == "No dispatches are in quarantine.\n"
