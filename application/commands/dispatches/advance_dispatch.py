"""What a worker does with a dispatch: claim it, carry it stage by stage, hand it back."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from application.commands.dispatches.claims import DispatchRules, build_attempt_starts
from application.commands.reports.report_results import ReportResult, to_report_result
from application.ports.access.execution_tokens import ExecutionTokens
from application.ports.dispatch.wakeups import Wakeups
from application.ports.dispatch.worker_messages import AttemptStart
from application.ports.persistence.receipts import Receipt, ReceiptKey
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from domain.errors import NotFound
from domain.reports.report import Report, Reporter
from domain.reports.rules import judge_report
from domain.runs.run import Run


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """A report with the id under which the worker repeats it until it is answered."""

    event_id: str
    report: Report


@dataclass(frozen=True, slots=True)
class AdvanceCommand:
    """`holding` are the (stage, attempt) the worker knows of: whatever else runs under this dispatch is told again in `starts`."""

    worker: str
    run_id: int
    epoch: int
    capacity: int
    reports: Sequence[WorkerReport] = ()
    holding: frozenset[tuple[str, int]] = frozenset()
    hand_back: bool = False


@dataclass(frozen=True, slots=True)
class AdvanceResult:
    """`answers` stand in the order of the reports; `ended`: the dispatch is closed, or is not this worker's any more;
    `kill`: what the worker holds though it is over, as a stage that was failed for its timeout; `cancel`: what a person wants ended."""

    answers: Sequence[ReportResult]
    starts: Sequence[AttemptStart]
    more: bool
    stop: bool
    ended: bool
    kill: Sequence[tuple[str, int]] = ()
    cancel: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True, slots=True)
class AdvanceDispatch:
    """Judge what a worker says of its dispatch, start what became ready, close the dispatch when nothing can start: one transaction.

    Repeating the same call, because its answer was lost, changes nothing and answers the same starts.
    """

    open_unit_of_work: OpenUnitOfWork
    tokens: ExecutionTokens
    clock: Clock
    wakeups: Wakeups
    rules: DispatchRules

    async def __call__(self, step: AdvanceCommand) -> AdvanceResult:
        (advanced,) = await self.process_batch([step])
        if isinstance(advanced, Exception):
            raise advanced
        return advanced

    async def process_batch(self, steps: Sequence[AdvanceCommand]) -> list[AdvanceResult | NotFound]:
        """Many steps in one transaction, in order, each as if it came alone."""
        async with self.open_unit_of_work() as work:
            keys = [_key(step, item) for step in steps for item in step.reports]
            runs, receipts, _ = await work.load_for_update(sorted({step.run_id for step in steps}), keys)
            fresh: dict[ReceiptKey, Receipt] = {}
            taken = [self._take(step, runs.get(step.run_id), receipts, fresh) for step in steps]
            over = [step for step, advanced in zip(steps, taken, strict=True) if isinstance(advanced, _Over)]
            for step in over:
                await work.leases.release(step.run_id, step.epoch)
            await work.receipts.add(fresh, self.clock.now())
            changed = {run.id for run in runs.values() if run.new_events}
            if changed:
                await work.runs.save(*(runs[run_id] for run_id in sorted(changed)))
            await work.commit()
        for step in steps:
            if step.run_id in changed:
                self.wakeups.notify_committed([runs[step.run_id]], told=step.worker)
        return [advanced.told if isinstance(advanced, _Over) else advanced for advanced in taken]

    def _take(
        self, step: AdvanceCommand, run: Run | None, receipts: dict[ReceiptKey, Receipt], fresh: dict[ReceiptKey, Receipt]
    ) -> "AdvanceResult | NotFound | _Over":
        if run is None:
            return NotFound("run", step.run_id)
        now, reporter = self.clock.now(), Reporter(step.worker, step.worker, step.epoch)
        answers: list[ReportResult] = []
        for item in step.reports:
            known = receipts.get(_key(step, item))
            answer = (
                ReportResult.from_json(known.answer)
                if known
                else to_report_result(run, judge_report(run, item.report, reporter, None, now))
            )
            answers.append(answer)
            if known is None:
                receipts[_key(step, item)] = fresh[_key(step, item)] = Receipt(_digest(item.report), answer.as_json())
        held = run.dispatch.is_held_by(step.worker, step.epoch)
        if held and not step.hand_back:
            run.start_ready_stages(step.capacity, step.worker, now)
        starts = build_attempt_starts(run, self.tokens, step.holding) if held else []
        ended = not held or run.end_dispatch(now)
        if held and not ended and step.hand_back:
            run.give_back_dispatch(now)
            ended = not run.dispatch.is_held_by(step.worker, step.epoch)
        kill = run.find_finished_attempts(step.holding - {(item.report.stage or "", item.report.attempt or 0) for item in step.reports})
        cancel = run.attempts_to_stop if held else []
        advanced = AdvanceResult(
            answers, starts, bool(run.startable_stages) and not ended, run.stop_requested_at is not None, ended, kill, cancel
        )
        return _Over(advanced) if held and ended else advanced


@dataclass(frozen=True, slots=True)
class _Over:
    """The step ended its dispatch: its lease is to be released."""

    told: AdvanceResult


def _key(step: AdvanceCommand, item: WorkerReport) -> ReceiptKey:
    return ReceiptKey(step.run_id, step.worker, item.event_id)


def _digest(report: Report) -> bytes:
    content = {"stage": report.stage, "attempt": report.attempt, "status": report.status, **report.details}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).digest()
