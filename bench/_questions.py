"""What pages and lists ask of the database, and what the database says each costs."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from sqlalchemy import event, text

from adapters.persistence.database import Database
from adapters.persistence.ready import Asked
from adapters.persistence.statements import Statements
from application.queries.views import LogFilter
from domain.status import Status

BIG = ("run", "attempt", "event", "burst", "log_line", "outbox", "report_receipt")
"""Tables that grow with the runs: none of them may be read through."""
Ask = Callable[[], Awaitable[object]]


def questions(database: Database, runs: int) -> Mapping[str, Ask]:
    """Every list and page, at the newest, in the middle and at the far end of so many seeded runs."""
    reader = database.reader
    page: dict[str, Any] = {"skip": 0, "limit": 100}
    middle, pipeline = max(1, runs // 2), 1
    return {
        "pipelines": lambda: reader.pipeline_marks(0, 101),
        "pipelines, whole": lambda: reader.pipelines_of(range(1, 101)),
        "pipelines, a page back": lambda: reader.pipeline_marks(0, 26, below=90),
        "one pipeline": lambda: reader.pipeline(pipeline),
        "one pipeline by name": lambda: reader.pipeline("seeded-000"),
        "board": reader.board,
        "how far runs are, newest": lambda: reader.run_marks(pipeline_id=None, status=None, **page),
        "how far runs are, 10,000 passed over": lambda: reader.run_marks(pipeline_id=None, status=None, skip=10_000, limit=100),
        "how far runs are, in the middle": lambda: reader.run_marks(pipeline_id=None, status=None, below=middle, **page),
        "how far failed runs are, in the middle": lambda: reader.run_marks(pipeline_id=None, status=Status.FAILED, below=middle, **page),
        "how far a pipeline's runs are": lambda: reader.run_marks(pipeline_id=pipeline, status=None, **page),
        "runs, newest": lambda: reader.runs(pipeline_id=None, status=None, **page),
        "runs, in the middle": lambda: reader.runs(pipeline_id=None, status=None, below=middle, **page),
        "runs, the oldest": lambda: reader.runs(pipeline_id=None, status=None, below=101, **page),
        "runs, back from the middle": lambda: reader.runs(pipeline_id=None, status=None, above=middle, **page),
        "runs that failed": lambda: reader.runs(pipeline_id=None, status=Status.FAILED, **page),
        "runs that failed, in the middle": lambda: reader.runs(pipeline_id=None, status=Status.FAILED, below=middle, **page),
        "runs that are under way": lambda: reader.runs(pipeline_id=None, status=Status.RUNNING, **page),
        "a pipeline's runs": lambda: reader.runs(pipeline_id=pipeline, status=None, **page),
        "a pipeline's runs, in the middle": lambda: reader.runs(pipeline_id=pipeline, status=None, below=middle, **page),
        "a pipeline's failed runs": lambda: reader.runs(pipeline_id=pipeline, status=Status.FAILED, **page),
        "a pipeline's running runs": lambda: reader.runs(pipeline_id=pipeline, status=Status.RUNNING, **page),
        "waiting runs": lambda: reader.waiting_runs(100),
        "one run": lambda: reader.run(middle),
        "a run's events": lambda: reader.events(middle, 0, 500),
        "a run's newest events": lambda: reader.newest_events(middle, 100),
        "a run's log": lambda: reader.log(middle, stage=None, attempt=None, after=0, limit=500),
        "the end of a run's log": lambda: reader.log_window(middle, LogFilter(), limit=100, last=True),
        "a pipeline's stage times": lambda: reader.stage_times(pipeline),
        "a pipeline's failures": lambda: reader.failures(pipeline, 50),
    }


@dataclass(slots=True)
class Cost:
    """`milliseconds` in the database, over so many statements; `scanned` are the big tables that were read through."""

    milliseconds: float = 0.0
    statements: int = 0
    scanned: list[str] = field(default_factory=list)


async def cost_of(database: Database, ask: Ask, times: int = 1) -> Cost:
    """What PostgreSQL itself says the question costs; the quickest of so many times."""
    with _sent(database) as sent:
        await ask()
    costs = []
    for _ in range(times):
        cost = Cost()
        async with database.engine.connect() as connection:
            for statement, parameters in sent:
                found = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", parameters)
                said = found.scalar_one()
                (plan,) = json.loads(said) if isinstance(said, str) else said
                cost.milliseconds += plan["Execution Time"]
                cost.statements += 1
                cost.scanned += [table for table in _read_through(plan["Plan"]) if _is_big(table)]
            await connection.execute(text("ROLLBACK"))
        costs.append(cost)
    return min(costs, key=lambda cost: cost.milliseconds)


def _read_through(node: Mapping[str, Any]) -> Iterator[str]:
    rows = node.get("Actual Rows", 0) + node.get("Rows Removed by Filter", 0)
    if node["Node Type"] == "Seq Scan" and rows:  # a partition that holds nothing is read through at no cost
        yield node["Relation Name"]
    for child in node.get("Plans", ()):
        yield from _read_through(child)


def _is_big(table: str) -> bool:
    return table.partition("_p2")[0].removesuffix("_default") in BIG


@contextmanager
def _sent(database: Database) -> Iterator[list[tuple[str, Any]]]:
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    exchange = Statements._exchange

    async def noted(self: Statements, batch: Sequence[Asked], commit: bool = False) -> list[list[Any]]:
        sent.extend((statement.text, statement.values(values)) for statement, values in batch)
        return await exchange(self, batch, commit)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        with patch.object(Statements, "_exchange", noted):
            yield sent
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)
