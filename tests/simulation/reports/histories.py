"""Histories of reports drawn from a seed, shuffled and repeated, and what the domain and the model decide on them."""

from dataclasses import replace
from random import Random
from typing import Any

from domain.reports.judging import judge_report
from domain.reports.report import Report, Reporter
from domain.runs.run import Run
from domain.runs.status import Status
from tests.simulation.reports.model import HOLDER, ReportInput, StageModel
from tests.support.builders import NOW, a_run, a_stage

Answers = list[tuple[str, str | None]]
STATUSES = ("running", "completed", "failed", "cancelled", "skipped")


def make_history(seed: int) -> list[ReportInput]:
    """Draw reports of a worker and two machines on two stages: some repeated, some with a wrong attempt, in any order."""
    random = Random(f"{seed}:reports")
    reports = [_draw_report(random, f"e{index}") for index in range(random.randrange(3, 10))]
    reports += random.choices(reports, k=random.randrange(4))
    if random.random() < 0.8:
        random.shuffle(reports)
    return reports


def _draw_report(random: Random, event_id: str) -> ReportInput:
    said = ReportInput(
        event_id=event_id,
        reporter=random.choice((None, "mars", "moon")),
        stage=random.choice("wx"),
        status=random.choice(STATUSES),
        attempt=random.choice((None, 1, 1, 2, 2, 3)),
        seq=random.choice((None, None, 1, 2, 3)),
        records=random.choice((None, 1, 2)),
    )
    who = random.random()
    if said.stage == "w" and who < 0.7:
        return replace(said, reporter="worker-1", worker=HOLDER, seq=None)
    if said.stage == "w" and who < 0.8:
        return replace(said, reporter="worker-1", worker=("worker-1", 2), seq=None)
    if said.stage == "w" and who < 0.95:
        return replace(said, reporter="token", token=("w", random.choice((1, 2))))
    return said


def judge_by_domain(history: list[ReportInput]) -> tuple[Answers, dict[str, Any]]:
    """Return the decisions and the final attempts of each stage."""
    run = _build_run()
    answers: dict[tuple[str | None, str], tuple[str, str | None]] = {}
    seqs: dict[str, int] = {}
    decisions: Answers = []
    for said in history:
        key = (said.reporter, said.event_id)
        if key not in answers:
            worker, epoch = said.worker or (None, None)
            report = Report(Status(said.status), said.stage, said.attempt, said.records, seq=said.seq)
            ruling = judge_report(run, report, Reporter(said.reporter, worker, epoch, said.token), seqs.get(said.reporter or ""), NOW)
            answers[key] = (ruling.outcome, ruling.problem)
            _remember(seqs, said)
        decisions.append(answers[key])
    return decisions, {name: [[str(a.status), a.records_processed] for a in stage.attempts] for name, stage in run.stages.items()}


def judge_by_model(history: list[ReportInput]) -> tuple[Answers, dict[str, Any]]:
    stages = {"w": StageModel(True, [["running", None]]), "x": StageModel(False, [["waiting", None]])}
    answers: dict[tuple[str | None, str], tuple[str, str | None]] = {}
    seqs: dict[str, int] = {}
    decisions: Answers = []
    for said in history:
        key = (said.reporter, said.event_id)
        if key not in answers:
            answers[key] = stages[said.stage].say(said, seqs.get(said.reporter or ""))
            _remember(seqs, said)
        decisions.append(answers[key])
    return decisions, {name: stage.attempts for name, stage in stages.items()}


def _remember(seqs: dict[str, int], said: ReportInput) -> None:
    if said.reporter is not None and said.seq is not None:
        seqs[said.reporter] = max(said.seq, seqs.get(said.reporter, said.seq))


def _build_run() -> Run:
    """Build a run whose stage `w`, with one retry, runs under dispatch 1 of worker-1, and whose stage `x` is external."""
    run = a_run([a_stage("w", retries=1), a_stage("x", "external", needs=[])])
    run.claim(1, "worker-1", NOW)
    run.start_ready_stages(1, "worker-1", NOW)
    return run
