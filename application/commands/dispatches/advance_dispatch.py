"""What a worker does with a dispatch: claim it, carry it stage by stage, hand it back."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from application.commands.reports.report_results import ReportResult, to_report_result
from application.ports.access.execution_tokens import AttemptClaims, ExecutionTokens
from application.ports.dispatch.wakeups import Wakeups
from application.ports.dispatch.worker_streams import AttemptStart, Claim
from application.ports.persistence.unit_of_work import Lease, OpenUnitOfWork, Receipt, ReceiptKey, UnitOfWork
from application.ports.system.clock import Clock
from domain.errors import NotFound
from domain.pipelines.serialization import serialize_stage
from domain.reports.rules import Report, Reporter, judge_report
from domain.runs.attempt import StageRun
from domain.runs.run import Run


@dataclass(frozen=True, slots=True)
class DispatchRules:
    """`installation` makes Prefect's idempotency keys unique; a lease is good for `lease_seconds`."""

    installation: str
    lease_seconds: float


def dispatch_key(rules: DispatchRules, run_id: int, epoch: int) -> str:
    return f"{rules.installation}:{run_id}:{epoch}"


@dataclass(frozen=True, slots=True)
class ClaimDispatch:
    """Give a requested dispatch to one worker and start its first stages in the same transaction.

    NotFound for an unknown run; Conflict `dispatch_gone` when it is not there to be claimed. Claiming what one holds answers again.
    """

    open_unit_of_work: OpenUnitOfWork
    tokens: ExecutionTokens
    clock: Clock
    wakeups: Wakeups
    rules: DispatchRules

    async def __call__(self, run_id: int, epoch: int, worker: str, capacity: int) -> Claim:
        now = self.clock.now()
        async with self.open_unit_of_work() as work:
            run = await _locked(work, run_id)
            run.claim(epoch, worker, now)
            run.start_ready_stages(capacity, worker, now)
            await work.leases.grant(Lease(run_id, epoch, worker), self.rules.lease_seconds)
            await work.runs.save(run)
            await work.commit()
        self.wakeups.notify_committed([run], told=worker)
        return build_claim(run, self.tokens, self.rules, frozenset())


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
            answer = ReportResult.from_json(known.answer) if known else to_report_result(run, judge_report(run, item.report, reporter, None, now))
            answers.append(answer)
            if known is None:
                receipts[_key(step, item)] = fresh[_key(step, item)] = Receipt(_digest(item.report), answer.as_json())
        held = run.dispatch.is_held_by(step.worker, step.epoch)
        if held and not step.hand_back:
            run.start_ready_stages(step.capacity, step.worker, now)
        starts = _starts(run, self.tokens, step.holding) if held else []
        ended = not held or run.end_dispatch(now)
        if held and not ended and step.hand_back:
            run.give_back_dispatch(now)
            ended = not run.dispatch.is_held_by(step.worker, step.epoch)
        kill = run.find_finished_attempts(step.holding - {(item.report.stage or "", item.report.attempt or 0) for item in step.reports})
        cancel = run.attempts_to_stop if held else []
        advanced = AdvanceResult(answers, starts, bool(run.startable_stages) and not ended, run.stop_requested_at is not None, ended, kill, cancel)
        return _Over(advanced) if held and ended else advanced


@dataclass(frozen=True, slots=True)
class _Over:
    """The step ended its dispatch: its lease is to be released."""

    told: AdvanceResult


def build_claim(run: Run, tokens: ExecutionTokens, rules: DispatchRules, holding: frozenset[tuple[str, int]]) -> Claim:
    """The claim of a run's open dispatch; its starts leave out what the worker holds already."""
    return Claim(
        run_id=run.id,
        number=run.number,
        epoch=run.dispatch.epoch,
        pipeline=run.definition.name,
        pool=run.pool,
        stages=list(run.stages),
        parameters=run.parameters,
        starts=_starts(run, tokens, holding),
        more=bool(run.startable_stages),
        key=dispatch_key(rules, run.id, run.dispatch.epoch),
        trace=run.trace,
    )


def _starts(run: Run, tokens: ExecutionTokens, holding: frozenset[tuple[str, int]]) -> list[AttemptStart]:
    stages = run.get_stages_running_in(run.dispatch.epoch)
    return [_start(run, stage, tokens) for stage in stages if (stage.name, stage.current.number) not in holding]


def _start(run: Run, stage: StageRun, tokens: ExecutionTokens) -> AttemptStart:
    attempt = stage.current.number
    token = tokens.issue_attempt_token(AttemptClaims(run.id, stage.name, attempt))
    definition = stage.definition
    spec, given = serialize_stage(definition), run.collect_approval_values(stage)
    return AttemptStart(stage.name, attempt, token, definition.kind.value, definition.timeout, spec, given)


async def _locked(work: UnitOfWork, run_id: int) -> Run:
    run = (await work.runs.lock([run_id])).get(run_id)
    if run is None:
        raise NotFound("run", run_id)
    return run


def _key(step: AdvanceCommand, item: WorkerReport) -> ReceiptKey:
    return ReceiptKey(step.run_id, step.worker, item.event_id)


def _digest(report: Report) -> bytes:
    content = {"stage": report.stage, "attempt": report.attempt, "status": report.status, **report.details}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).digest()
