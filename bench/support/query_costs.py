"""What pages and lists ask of the database, and what the database says each costs."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncClientCursor
from psycopg.types.json import Json, Jsonb

from adapters.persistence.database import Database
from application.queries.views.logs import LogFilter
from domain.runs.status import Status

GROWING_TABLES = ("run", "attempt", "failure", "event", "dispatch", "log_line", "outbox", "report_receipt")
"""Tables that grow with the runs: none of them may be read through."""
_MARK = "0123456789"
_UNTIL_SETTLED = 6
"""After five plans for the values at hand PostgreSQL weighs one for all values against them."""
_PARAMETER = re.compile(r"%\((\w+)\)s")
_TYPES = {datetime: "timestamptz", timedelta: "interval"}
"""As the driver says them; of the rest the statement itself does, by its casts."""
Query = Callable[[], Awaitable[object]]


def build_queries(database: Database, runs: int) -> Mapping[str, Query]:
    """Every list and page, at the newest, in the middle and at the far end of so many seeded runs."""
    reader = database.reader
    page: dict[str, Any] = {"skip": 0, "limit": 100}
    middle, pipeline, breaks = max(1, runs // 2), 1, 2
    return {
        "pipelines": lambda: reader.pipeline_marks(0, 101),
        "pipelines, whole": lambda: reader.get_pipelines_by_id(range(1, 101)),
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
        "runs of all pipelines by name": lambda: reader.runs(pipeline_id=None, pipeline_ids=range(1, 101), status=None, **page),
        "failed runs of some pipelines, in the middle": lambda: reader.runs(
            pipeline_id=None, pipeline_ids=range(1, 9), status=Status.FAILED, below=middle, **page
        ),
        "pipelines by part of a name": lambda: reader.pipeline_names("ded-01", 1_000),
        "a pipeline's failed runs": lambda: reader.runs(pipeline_id=pipeline, status=Status.FAILED, **page),
        "a pipeline's running runs": lambda: reader.runs(pipeline_id=pipeline, status=Status.RUNNING, **page),
        "waiting runs": lambda: reader.waiting_runs(100),
        "one run": lambda: reader.run(middle),
        "a run's events": lambda: reader.events(middle, 0, 500),
        "a run's newest events": lambda: reader.newest_events(middle, 100),
        "a run's log": lambda: reader.log(middle, stage=None, attempt=None, after=0, limit=500),
        "the end of a run's log": lambda: reader.log_window(middle, LogFilter(), limit=100, last=True),
        "a pipeline's stage times": lambda: reader.stage_times(pipeline),
        "a pipeline's failures": lambda: reader.failures(breaks, 500),
        "how an approval was decided before": lambda: reader.past_decisions(pipeline, "stage-1", before=runs, limit=3),
        "when a failure was first seen": lambda: reader.first_seen(breaks, "stage-5", _MARK),
        "who waits for a pool": lambda: reader.queue("headgate", 15, 1_000),
        "what nobody has seen yet": lambda: _since_now(database),
    }


async def _since_now(database: Database) -> None:
    await database.change_feed.read(await database.change_feed.position())


@dataclass(slots=True)
class QueryCost:
    """`milliseconds` in the database, over so many statements; `scanned` are the big tables that were read through, `passed_over` rows that
    were looked at in vain."""

    milliseconds: float = 0.0
    statements: int = 0
    scanned_tables: list[str] = field(default_factory=list)
    discarded_rows: int = 0


async def measure_query_cost(database: Database, ask: Query, times: int = 1, *, for_all_values: bool = False) -> QueryCost:
    """What PostgreSQL itself says the question costs once it was asked often; the quickest of so many times.

    A statement asked again and again on one connection, as ours are, is planned once for all values when that looks as cheap: `scanned`
    tells of every plan on the way there. `for_all_values` has it planned so from the beginning.
    """
    with database.record_queries() as recorder:
        await ask()
    costs = [QueryCost() for _ in range(_UNTIL_SETTLED + times)]
    async with database.engine.connect() as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        if for_all_values:
            await raw.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        for number, query in enumerate(recorder.queries):
            names, prepared = _prepared(query.text)
            types = ", ".join(_TYPES.get(type(query.parameters[name]), "unknown") for name in names)
            await raw.execute(f"PREPARE question_{number}{f'({types})' if types else ''} AS {prepared}")
            values = AsyncClientCursor(raw).mogrify(", ".join(["%s"] * len(names)), [_plain(query.parameters[name]) for name in names])
            asked = f"question_{number}({values})" if names else f"question_{number}"
            for cost in costs:
                ((plan,),) = await (await raw.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE {asked}")).fetchone()
                cost.milliseconds += plan["Execution Time"]
                cost.statements += 1
                cost.discarded_rows += _passed_over(plan["Plan"])
                cost.scanned_tables += [table for table in _read_through(plan["Plan"]) if _is_big(table)]
            await raw.execute(f"DEALLOCATE question_{number}")
        await connection.rollback()
    found = min(costs[_UNTIL_SETTLED:], key=lambda cost: cost.milliseconds)
    found.scanned_tables = [table for cost in costs for table in cost.scanned_tables]
    return found


def _prepared(statement: str) -> tuple[list[str], str]:
    """The names of its parameters, and the statement with numbers in their place."""
    names = list(dict.fromkeys(_PARAMETER.findall(statement)))
    numbered = _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", statement)
    return names, numbered.replace("%%", "%")


def _plain(value: Any) -> Any:
    """A parameter as a literal: psycopg's own JSON is text here."""
    return json.dumps(value.obj) if isinstance(value, Json | Jsonb) else value


_ONE_PAGE = 64
"""Rows of a partition that are read at the cost of looking for one: weeks begin and end where they will, and some have hardly begun."""


def _read_through(node: Mapping[str, Any]) -> Iterator[str]:
    rows = node.get("Actual Rows", 0) + node.get("Rows Removed by Filter", 0)
    if node["Node Type"] == "Seq Scan" and rows > _ONE_PAGE:
        yield node["Relation Name"]
    for child in node.get("Plans", ()):
        yield from _read_through(child)


def _passed_over(node: Mapping[str, Any]) -> int:
    return int(node.get("Rows Removed by Filter", 0)) + sum(_passed_over(child) for child in node.get("Plans", ()))


def _is_big(table: str) -> bool:
    return table.partition("_p2")[0].removesuffix("_default") in GROWING_TABLES
