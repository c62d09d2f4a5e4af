"""Batched reports have the same results and records as the same reports one by one."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Protocol

import pytest

from application.commands.reports.report_results import ReportResult
from application.commands.reports.report_status import ReportStatus
from application.commands.reports.status_update import StatusUpdate
from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.queries.reader import Reader
from application.services.batching.report_batcher import ReportBatcher
from domain.reports import placement
from domain.reports.report import Report
from domain.runs.status import REPORTABLE_STATUSES, Status
from tests.contracts.stores import StoreUnderTest
from tests.fakes import FakeClock, FakeParameterSchemas
from tests.fakes.dispatch.wakeups import FakeWakeups
from tests.support.builders import a_pipeline, a_stage, a_stored_run

EXTERNAL = [a_stage("a", "external"), a_stage("b", "external", needs=["a"]), a_stage("c", "external", needs=[])]
MIXED = [a_stage("a", "external"), a_stage("b", needs=["a"])]
STAGES = {"remote": EXTERNAL, "mixed": MIXED, "double": EXTERNAL}
RUNS = {"remote": 0, "mixed": 1, "double": 2}
ReportAll = Callable[[Sequence[StatusUpdate]], Awaitable[list[ReportResult]]]


class Store(Protocol):
    """A store under test, or the database of a process."""

    @property
    def open_unit_of_work(self) -> OpenUnitOfWork: ...

    @property
    def reader(self) -> Reader: ...


class Population:
    """The same pipelines and runs for each prefix."""

    def __init__(self, store: Store, prefix: str) -> None:
        self.store, self.prefix = store, prefix
        self.pipelines: dict[str, StoredPipeline] = {}
        self.runs: list[int] = []

    async def build(self) -> None:
        for name, stages in STAGES.items():
            self.pipelines[name] = pipeline = await a_pipeline(self.store.open_unit_of_work, f"{self.prefix}-{name}", stages)
            self.runs += [await a_stored_run(self.store.open_unit_of_work, pipeline) for _ in range(RUNS[name])]

    def localize(self, update: StatusUpdate) -> StatusUpdate:
        """Return the update with the pipeline name and run id of this population."""
        run_id = None if update.run_id is None else self.runs[update.run_id] if update.run_id < len(self.runs) else 10**9
        pipeline = f"{self.prefix}-{update.pipeline}" if update.pipeline else None
        return replace(update, pipeline=pipeline, run_id=run_id)

    async def read_records(self) -> list[Any]:
        """Return all runs with their stages and events, without ids."""
        found = []
        for name, pipeline in self.pipelines.items():
            runs = await self.store.reader.runs(pipeline_id=pipeline.id, status=None, skip=0, limit=100)
            for run in sorted(runs, key=lambda run: run.number):
                events = await self.store.reader.events(run.id, 0, 1_000)
                facts = {key: value for key, value in asdict(run).items() if key not in ("id", "pipeline_id", "pipeline")}
                found.append((name, facts, [{**asdict(event), "run_id": 0, "pipeline_id": 0} for event in events]))
        return found

    async def to_comparable(self, answers: Sequence[ReportResult]) -> list[Mapping[str, Any]]:
        numbers = {}
        for pipeline in self.pipelines.values():
            for run in await self.store.reader.runs(pipeline_id=pipeline.id, status=None, skip=0, limit=100):
                numbers[run.id] = (pipeline.name.removeprefix(self.prefix), run.number)
        return [
            {
                **answer.as_json(),
                "run_id": numbers.get(answer.run_id or 0),
                "why": re.sub(r"\d+ seconds? ago", "N seconds ago", (answer.why or "").replace(self.prefix, "")) or None,
                "facts": {key: len(value) if key == "runs" else value for key, value in answer.facts.items()},
                "replayed": answer.replayed,
            }
            for answer in answers
        ]


def a_history(seed: int, length: int = 60) -> list[StatusUpdate]:
    """Return random updates in any order: repeated, late, with wrong names and old sequence numbers."""
    chance = random.Random(seed)
    history: list[StatusUpdate] = []
    for number in range(length):
        if history and chance.random() < 0.1:
            history.append(chance.choice(history))
            continue
        report = Report(
            Status(chance.choice([*sorted(REPORTABLE_STATUSES), "running", "completed"])),
            chance.choice(["a", "b", "c", "a", "b", None, "nowhere"]),
            chance.choice([None, None, None, 1, 2]),
            chance.choice([None, number]),
            seq=chance.choice([None, number, number // 2]),
        )
        pipeline, run_id = chance.choice(
            [("remote", None), ("remote", None), ("double", None), ("nothing", None), (None, 0), (None, 1), (None, 9)]
        )
        event_id = chance.choice([None, f"e{number}", "again"])
        history.append(StatusUpdate(report, pipeline, run_id, event_id, chance.choice([None, "ci"]), digest=str(number % 7).encode()))
    return history


@pytest.mark.parametrize("seed", range(6))
async def test_batches_leave_the_same_records_as_single_reports(store: StoreUnderTest, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "REPEAT_SECONDS", 3_600.0)  # a slow machine must not change which reports are repeats
    history = a_history(seed)

    def create_report_status(wakeups: FakeWakeups) -> ReportStatus:
        return ReportStatus(store.open_unit_of_work, FakeParameterSchemas(), FakeClock(), wakeups)

    async def report_one_by_one(updates: Sequence[StatusUpdate]) -> list[ReportResult]:
        return [answer for update in updates for answer in await create_report_status(FakeWakeups())([update])]

    async def report_in_batches(updates: Sequence[StatusUpdate]) -> list[ReportResult]:
        batcher = ReportBatcher(create_report_status(FakeWakeups()), max_batch_size=17)
        return [answers[0] for answers in await asyncio.gather(*(batcher([update]) for update in updates))]

    async def report_as_list(updates: Sequence[StatusUpdate]) -> list[ReportResult]:
        return await create_report_status(FakeWakeups())(updates)

    outcomes = []
    for prefix, judge_report in (("aaa", report_one_by_one), ("bbb", report_in_batches), ("ccc", report_as_list)):
        population = Population(store, prefix)
        await population.build()
        answers = await judge_report([population.localize(update) for update in history])
        outcomes.append((await population.to_comparable(answers), await population.read_records()))

    for other in outcomes[1:]:
        assert list(zip(history, outcomes[0][0], strict=True)) == list(zip(history, other[0], strict=True))
        assert outcomes[0][1] == other[1]
    assert any(answer["outcome"] == "applied" for answer in outcomes[0][0]) and len({answer["problem"] for answer in outcomes[0][0]}) > 3


async def test_two_processes_on_the_same_runs_lose_no_report(store: StoreUnderTest) -> None:
    population = Population(store, "one")
    await population.build()
    batchers = [ReportBatcher(ReportStatus(store.open_unit_of_work, FakeParameterSchemas(), FakeClock(), FakeWakeups())) for _ in range(2)]
    updates = [StatusUpdate(Report(Status.RUNNING, "a", records_processed=n), run_id=population.runs[n % 3]) for n in range(60)]

    answers = await asyncio.gather(*(batchers[n % 2]([update]) for n, update in enumerate(updates)))

    assert all(answer.applied for (answer,) in answers)
    for run_id in population.runs:
        seqs = [answer.seq for (answer,) in answers if answer.run_id == run_id]
        assert len(set(seqs)) == 20
        events = await store.reader.events(run_id, 0, 1_000)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
