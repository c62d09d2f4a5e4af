"""Log lines in memory."""

from collections.abc import Sequence
from dataclasses import replace

from application.ports.persistence.logs import AppendedLines, NewLogLine, UnfinishedLines
from application.queries.views.logs import LogLineView
from domain.runs.attempt_log import AttemptLog, LineDecision, LogLimit, describe_full_head
from tests.fakes.persistence import values
from tests.fakes.persistence.transaction import Transaction
from tests.fakes.persistence.values import RowRejected


class FakeLogs:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def append(
        self,
        run_id: int,
        stage: str,
        attempt: int,
        lines: Sequence[NewLogLine],
        limit: LogLimit,
        *,
        is_tail: bool = False,
        unfinished: UnfinishedLines | None = None,
    ) -> AppendedLines:
        tx = await self._transaction.begin_statement()
        run = tx.runs.get(run_id)
        if run is None or stage not in run.stages or not 1 <= attempt <= len(run.stages[stage].attempts):
            raise tx.abort(LookupError(f"there is no attempt {attempt} of {stage} in run {run_id}"))
        await tx.lock("log", run_id)
        last = before = self._count(run_id)
        log = replace(tx.log_progress.get((run_id, stage, attempt), AttemptLog()))
        for line in sorted(lines, key=lambda line: line.index):
            self._check(line)
            decision = log.add(line.index, len(line.text.encode()), limit, is_tail=is_tail)
            if decision is LineDecision.IGNORE:
                continue
            if decision is LineDecision.STORE_NOTE:
                line = NewLogLine(line.index, line.at, "headgate", describe_full_head(limit))
            last += 1
            tx.log_lines[run_id, last] = LogLineView(
                last, line.at, line.stream, line.text, stage, attempt, is_order_approximate=line.is_order_approximate
            )
        tx.log_progress[run_id, stage, attempt] = log
        return AppendedLines(last - before, log.get_tail_start(limit), self._show(tx, (run_id, stage, attempt), unfinished))

    def _show(self, tx: Transaction, key: tuple[int, str, int], unfinished: UnfinishedLines | None) -> bool:
        stored = tx.log_unfinished.get(key)
        if unfinished is None or (stored is not None and stored.version >= unfinished.version):
            return False
        tx.log_unfinished[key] = unfinished
        return True

    def _check(self, line: NewLogLine) -> None:
        try:
            values.text(line.text)
            values.text(line.stream)
        except RowRejected as error:
            raise self._transaction.abort(error) from None

    def _count(self, run_id: int) -> int:
        return sum(1 for run, _ in self._transaction.log_lines if run == run_id)
