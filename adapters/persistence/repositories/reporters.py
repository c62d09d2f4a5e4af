"""Stores the last report of each reporter on a pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.persistence.connection.clock import NOW
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.answers import pipeline_reporter
from application.ports.persistence.reporters import LastReport, ReporterKey, TakenReport


class SqlReporters:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def find(self, keys: Sequence[ReporterKey]) -> Mapping[ReporterKey, LastReport]:
        if not keys:
            return {}
        seconds_ago = func.extract("epoch", NOW - pipeline_reporter.c.reported_at).label("seconds_ago")
        is_named = tuple_(pipeline_reporter.c.pipeline_id, pipeline_reporter.c.reporter).in_(sorted(set(keys)))
        rows = await self._transaction.execute(select(pipeline_reporter, seconds_ago).where(is_named))
        return {
            ReporterKey(row.pipeline_id, row.reporter): LastReport(
                TakenReport(bytes(row.digest), row.run_id, row.seq), float(row.seconds_ago)
            )
            for row in rows
        }

    async def save(self, reports: Mapping[ReporterKey, TakenReport]) -> None:
        if not reports:
            return
        rows = [
            {
                "pipeline_id": key.pipeline_id,
                "reporter": key.name,
                "digest": report.digest,
                "run_id": report.run_id,
                "seq": report.seq,
                "reported_at": NOW,
            }
            for key, report in sorted(reports.items())
        ]
        new = upsert(pipeline_reporter).values(rows)
        changes: dict[str, Any] = {name: new.excluded[name] for name in ("digest", "run_id", "reported_at")}
        changes["seq"] = func.greatest(new.excluded.seq, pipeline_reporter.c.seq)
        await self._transaction.execute(new.on_conflict_do_update(index_elements=["pipeline_id", "reporter"], set_=changes))
