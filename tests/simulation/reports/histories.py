"""Report histories drawn from a seed, shuffled and with repeats, and what the domain and the model each make of them."""

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
    """A worker's and two other machines' words about two stages; some twice, a few with a wrong attempt, in any order."""
    random = Random(f"{seed}:reports")
    words = [_word(random, f"e{index}") for index in range(random.randrange(3, 10))]
    words += random.choices(words, k=random.randrange(4))
    if random.random() < 0.8:
        random.shuffle(words)
    return words


def _word(random: Random, event_id: str) -> ReportInput:
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
    """The answers, and where the stages stand at the end."""
    run = _the_run()
    answers: dict[tuple[str | None, str], tuple[str, str | None]] = {}
    seqs: dict[str, int] = {}
    said_back: Answers = []
    for said in history:
        key = (said.reporter, said.event_id)
        if key not in answers:
            worker, epoch = said.worker or (None, None)
            report = Report(Status(said.status), said.stage, said.attempt, said.records, seq=said.seq)
            ruling = judge_report(run, report, Reporter(said.reporter, worker, epoch, said.token), seqs.get(said.reporter or ""), NOW)
            answers[key] = (ruling.outcome, ruling.problem)
            _remember(seqs, said)
        said_back.append(answers[key])
    return said_back, {name: [[str(a.status), a.records_processed] for a in stage.attempts] for name, stage in run.stages.items()}


def judge_by_model(history: list[ReportInput]) -> tuple[Answers, dict[str, Any]]:
    stages = {"w": StageModel(True, [["running", None]]), "x": StageModel(False, [["waiting", None]])}
    answers: dict[tuple[str | None, str], tuple[str, str | None]] = {}
    seqs: dict[str, int] = {}
    said_back: Answers = []
    for said in history:
        key = (said.reporter, said.event_id)
        if key not in answers:
            answers[key] = stages[said.stage].say(said, seqs.get(said.reporter or ""))
            _remember(seqs, said)
        said_back.append(answers[key])
    return said_back, {name: stage.attempts for name, stage in stages.items()}


def _remember(seqs: dict[str, int], said: ReportInput) -> None:
    if said.reporter is not None and said.seq is not None:
        seqs[said.reporter] = max(said.seq, seqs.get(said.reporter, said.seq))


def _the_run() -> Run:
    """`w` runs under dispatch 1 of worker-1 and has one retry; `x` is external."""
    run = a_run([a_stage("w", retries=1), a_stage("x", "external", needs=[])])
    run.claim(1, "worker-1", NOW)
    run.start_ready_stages(1, "worker-1", NOW)
    return run
