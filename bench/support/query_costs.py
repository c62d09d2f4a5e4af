"""Measure what a query costs in PostgreSQL, by the execution plans it reports."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncClientCursor
from psycopg.types.json import Json, Jsonb

from adapters.persistence.database import Database
from bench.support.list_queries import Query

GROWING_TABLES = (
    "run",
    "attempt",
    "failure",
    "event",
    "dispatch",
    "log_line",
    "outbox",
    "flow_run",
    "report_receipt",
    "tick",
    "site_event",
    "incident",
    "incident_entry",
    "alert_message",
    "delivery",
)
"""Tables that grow with the number of runs. No query may scan one of them."""
_EXECUTIONS_UNTIL_SETTLED = 6
"""PostgreSQL plans a prepared statement five times for its parameters before it considers a generic plan."""
_PARAMETER = re.compile(r"%\((\w+)\)s")
_PARAMETER_TYPES = {datetime: "timestamptz", timedelta: "interval"}
"""Types that the driver declares. The casts in the statement determine the others."""
_ROWS_PER_PAGE = 64
"""Scanning so few rows of a partition costs no more than an index lookup. The first and last week may be almost empty."""


@dataclass(slots=True)
class QueryCost:
    """The cost in the database: execution time, number of statements, growing tables that were scanned, rows read and discarded."""

    milliseconds: float = 0.0
    statements: int = 0
    scanned_tables: list[str] = field(default_factory=list)
    discarded_rows: int = 0


async def measure_query_cost(database: Database, query: Query, times: int = 1, *, for_all_values: bool = False) -> QueryCost:
    """Return the lowest of `times` costs, measured after PostgreSQL has settled on a plan.

    Headgate repeats its statements on the same connections, so PostgreSQL may switch to a generic plan: `scanned_tables` covers every plan
    up to then. With `for_all_values`, the generic plan is used from the start.
    """
    with database.record_queries() as recorder:
        await query()
    costs = [QueryCost() for _ in range(_EXECUTIONS_UNTIL_SETTLED + times)]
    async with database.engine.connect() as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        if for_all_values:
            await raw.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        for number, statement in enumerate(recorder.queries):
            names, text = _number_parameters(statement.text)
            types = ", ".join(_PARAMETER_TYPES.get(type(statement.parameters[name]), "unknown") for name in names)
            await raw.execute(f"PREPARE question_{number}{f'({types})' if types else ''} AS {text}")
            parameters = [_to_literal(statement.parameters[name]) for name in names]
            values = AsyncClientCursor(raw).mogrify(", ".join(["%s"] * len(names)), parameters)
            call = f"question_{number}({values})" if names else f"question_{number}"
            for cost in costs:
                ((plan,),) = await (await raw.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE {call}")).fetchone()
                _add_plan(cost, plan)
            await raw.execute(f"DEALLOCATE question_{number}")
        await connection.rollback()
    lowest = min(costs[_EXECUTIONS_UNTIL_SETTLED:], key=lambda cost: cost.milliseconds)
    lowest.scanned_tables = [table for cost in costs for table in cost.scanned_tables]
    return lowest


def _add_plan(cost: QueryCost, plan: Mapping[str, Any]) -> None:
    cost.milliseconds += plan["Execution Time"]
    cost.statements += 1
    cost.discarded_rows += _count_discarded_rows(plan["Plan"])
    cost.scanned_tables += [table for table in _find_scanned_tables(plan["Plan"]) if _is_growing(table)]


def _number_parameters(statement: str) -> tuple[list[str], str]:
    """Return the names of the parameters, and the statement with `$1`, `$2`… in their place."""
    names = list(dict.fromkeys(_PARAMETER.findall(statement)))
    numbered = _PARAMETER.sub(lambda match: f"${names.index(match[1]) + 1}", statement)
    return names, numbered.replace("%%", "%")


def _to_literal(value: Any) -> Any:
    """Return a parameter that can be written as a literal: JSON as text."""
    return json.dumps(value.obj, default=datetime.isoformat) if isinstance(value, Json | Jsonb) else value


def _find_scanned_tables(node: Mapping[str, Any]) -> Iterator[str]:
    rows = node.get("Actual Rows", 0) + node.get("Rows Removed by Filter", 0)
    if node["Node Type"] == "Seq Scan" and rows > _ROWS_PER_PAGE:
        yield node["Relation Name"]
    for child in node.get("Plans", ()):
        yield from _find_scanned_tables(child)


def _count_discarded_rows(node: Mapping[str, Any]) -> int:
    return int(node.get("Rows Removed by Filter", 0)) + sum(_count_discarded_rows(child) for child in node.get("Plans", ()))


def _is_growing(table: str) -> bool:
    """Return True for a growing table or one of its weekly partitions, such as `event_p20261123`."""
    return table.partition("_p2")[0].removesuffix("_default") in GROWING_TABLES
