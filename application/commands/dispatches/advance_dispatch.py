"""Advance a claimed dispatch: judge the worker's reports and start the stages that became ready."""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from application.commands.dispatches.claims import DispatchRules, build_attempt_starts
from application.commands.reports.report_results import ReportResult, to_report_result
from application.ports.access.execution_tokens import ExecutionTokens
from application.ports.dispatch.wakeups import Wakeups
from application.ports.dispatch.worker_messages import AttemptStart
from application.ports.persistence.receipts import Receipt, ReceiptKey
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from domain.errors import NotFound
from domain.reports.judging import judge_report
from domain.reports.report import Report, Reporter
from domain.runs.run import Run


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """A report with the event id under which the worker repeats it until it is answered."""

    event_id: str
    report: Report


@dataclass(frozen=True, slots=True)
class AdvanceCommand:
    """One step of a worker's dispatch.

    `capacity` is the number of stages the worker can start. `holding` are the (stage, attempt) it has; other attempts that run under the
    dispatch are started again. `hand_back` returns the dispatch if nothing of it runs.
    """

    worker: str
    run_id: int
    epoch: int
    capacity: int
    reports: Sequence[WorkerReport] = ()
    holding: frozenset[tuple[str, int]] = frozenset()
    hand_back: bool = False


@dataclass(frozen=True, slots=True)
class AdvanceResult:
    """The answer to one step.

    `answers` are in the order of the reports. `more`: stages wait for a free slot. `stop`: the run is being stopped. `ended`: the dispatch
    is closed, or another worker holds it. `kill` are (stage, attempt) that the worker holds but that are over, e.g. after a timeout;
    `cancel` those that a person cancelled.
    """

    answers: Sequence[ReportResult]
    starts: Sequence[AttemptStart]
    more: bool
    stop: bool
    ended: bool
    kill: Sequence[tuple[str, int]] = ()
    cancel: Sequence[tuple[str, int]] = ()


UNBROKEN_REPORTS: Final = 500


@dataclass(frozen=True, slots=True)
class AdvanceDispatch:
    """Judge the reports of a dispatch, start the stages that became ready, and close the dispatch if nothing can start: one transaction.

    A repeated call, after a lost answer, changes nothing and returns the same starts. Raises NotFound for an unknown run.
    """

    open_unit_of_work: OpenUnitOfWork
    tokens: ExecutionTokens
    clock: Clock
    wakeups: Wakeups
    rules: DispatchRules

    async def __call__(self, command: AdvanceCommand) -> AdvanceResult:
        (result,) = await self.process_batch([command])
        if isinstance(result, Exception):
            raise result
        return result

    async def process_batch(self, commands: Sequence[AdvanceCommand]) -> list[AdvanceResult | NotFound]:
        """Process the commands in order in one transaction. Each has the result it would have alone."""
        async with self.open_unit_of_work() as work:
            keys = [_receipt_key(command, item) for command in commands for item in command.reports]
            runs, receipts, _ = await work.load_for_update(sorted({command.run_id for command in commands}), keys)
            new_receipts: dict[ReceiptKey, Receipt] = {}
            results: list[AdvanceResult | NotFound] = []
            closed: list[AdvanceCommand] = []
            for command in commands:
                run = runs.get(command.run_id)
                if run is None:
                    results.append(NotFound("run", command.run_id))
                    continue
                was_held = run.dispatch.is_held_by(command.worker, command.epoch)
                result = await self._advance(command, run, receipts, new_receipts)
                results.append(result)
                if was_held and result.ended:
                    closed.append(command)
            for command in closed:
                await work.leases.release(command.run_id, command.epoch)
            await work.receipts.add(new_receipts, self.clock.now())
            changed = {run.id for run in runs.values() if run.new_events}
            if changed:
                await work.runs.save(*(runs[run_id] for run_id in sorted(changed)))
            await work.commit()
        for command in commands:
            if command.run_id in changed:
                self.wakeups.notify_committed([runs[command.run_id]], skip_worker=command.worker)
        return results

    async def _advance(
        self, command: AdvanceCommand, run: Run, receipts: Mapping[ReceiptKey, Receipt], new_receipts: dict[ReceiptKey, Receipt]
    ) -> AdvanceResult:
        now = self.clock.now()
        answers = await self._judge_reports(command, run, receipts, new_receipts, now)
        is_held = run.dispatch.is_held_by(command.worker, command.epoch)
        if is_held and not command.hand_back:
            run.start_ready_stages(command.capacity, command.worker, now)
        starts = build_attempt_starts(run, self.tokens, command.holding) if is_held else []
        ended = not is_held or run.end_dispatch(now)
        if is_held and not ended and command.hand_back:
            run.give_back_dispatch(now)
            ended = not run.dispatch.is_held_by(command.worker, command.epoch)
        reported = {(item.report.stage or "", item.report.attempt or 0) for item in command.reports}
        return AdvanceResult(
            answers=answers,
            starts=starts,
            more=bool(run.startable_stages) and not ended,
            stop=run.stop_requested_at is not None,
            ended=ended,
            kill=run.find_finished_attempts(command.holding - reported),
            cancel=run.attempts_to_stop if is_held else [],
        )

    async def _judge_reports(
        self,
        command: AdvanceCommand,
        run: Run,
        receipts: Mapping[ReceiptKey, Receipt],
        new_receipts: dict[ReceiptKey, Receipt],
        now: datetime,
    ) -> list[ReportResult]:
        """Judge the reports that have no receipt, and add theirs to `new_receipts`. Other tasks run after every UNBROKEN_REPORTS."""
        reporter = Reporter(command.worker, command.worker, command.epoch)
        answers = []
        for number, item in enumerate(command.reports, 1):
            if number % UNBROKEN_REPORTS == 0:
                await asyncio.sleep(0)
            key = _receipt_key(command, item)
            receipt = receipts.get(key) or new_receipts.get(key)
            if receipt is not None:
                answers.append(ReportResult.from_json(receipt.answer))
                continue
            answer = to_report_result(run, judge_report(run, item.report, reporter, None, now))
            new_receipts[key] = Receipt(_hash_report(item.report), answer.as_json())
            answers.append(answer)
        return answers


def _receipt_key(command: AdvanceCommand, item: WorkerReport) -> ReceiptKey:
    return ReceiptKey(command.run_id, command.worker, item.event_id)


def _hash_report(report: Report) -> bytes:
    content = {"stage": report.stage, "attempt": report.attempt, "status": report.status, **report.details}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).digest()
