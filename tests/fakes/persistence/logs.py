"""Log lines in memory."""

from collections.abc import Sequence
from dataclasses import replace

from application.ports.persistence.logs import NewLogLine
from application.queries.views.logs import LogLineView
from tests.fakes.persistence import values
from tests.fakes.persistence.store import LogProgress
from tests.fakes.persistence.transaction import Transaction
from tests.fakes.persistence.values import RowRejected


class FakeLogs:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def append(self, run_id: int, stage: str, attempt: int, lines: Sequence[NewLogLine], limit_bytes: int) -> int:
        tx = await self._transaction.begin_statement()
        run = tx.runs.get(run_id)
        if run is None or stage not in run.stages or not 1 <= attempt <= len(run.stages[stage].attempts):
            raise tx.abort(LookupError(f"there is no attempt {attempt} of {stage} in run {run_id}"))
        await tx.lock("log", run_id)
        before = self._count(run_id)
        mark = tx.log_progress.get((run_id, stage, attempt), LogProgress())
        for line in sorted(lines, key=lambda line: line.index):
            if line.index >= mark.next_index:
                mark = self._store(run_id, stage, attempt, line, mark, limit_bytes)
        tx.log_progress[run_id, stage, attempt] = mark
        return self._count(run_id) - before

    def _store(self, run_id: int, stage: str, attempt: int, line: NewLogLine, mark: LogProgress, limit_bytes: int) -> LogProgress:
        try:
            values.text(line.text)
            values.text(line.stream)
        except RowRejected as error:
            raise self._transaction.abort(error) from None
        size = mark.size + len(line.text.encode())
        if not mark.is_cut and size > limit_bytes:
            line = replace(line, stream="headgate", text=f"The output is past {limit_bytes:,} bytes; the rest is cut.")
        if not mark.is_cut:
            number = self._count(run_id) + 1
            self._transaction.log_lines[run_id, number] = LogLineView(number, line.at, line.stream, line.text, stage, attempt)
        return LogProgress(line.index + 1, size, mark.is_cut or size > limit_bytes)

    def _count(self, run_id: int) -> int:
        return sum(1 for run, _ in self._transaction.log_lines if run == run_id)
