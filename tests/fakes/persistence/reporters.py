"""The last report of each reporter on a pipeline, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from application.ports.persistence.reporters import LastReport, ReporterKey, TakenReport
from tests.fakes.persistence import values
from tests.fakes.persistence.transaction import Transaction
from tests.fakes.persistence.values import RowRejected


class FakeReporters:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def find(self, keys: Sequence[ReporterKey]) -> Mapping[ReporterKey, LastReport]:
        tx = await self._transaction.begin_statement()
        now = tx.store.clock.now()
        stored = {key: tx.last_reports[key] for key in keys if key in tx.last_reports}
        return {key: LastReport(report, (now - at).total_seconds()) for key, (report, at) in stored.items()}

    async def save(self, reports: Mapping[ReporterKey, TakenReport]) -> None:
        tx = await self._transaction.begin_statement()
        for key, report in sorted(reports.items()):
            try:
                values.text(key.name)
                values.bigint(report.seq)
            except RowRejected as error:
                raise tx.abort(error) from None
            await tx.lock("pipeline reporter", *key)
            before = tx.last_reports[key][0].seq if key in tx.last_reports else None
            seqs = [seq for seq in (before, report.seq) if seq is not None]
            tx.last_reports[key] = (replace(report, seq=max(seqs, default=None)), tx.store.clock.now())
