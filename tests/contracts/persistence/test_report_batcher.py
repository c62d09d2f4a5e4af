"""Reports in one transaction are judged and recorded as the same reports one by one."""

import asyncio
import random
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
Judge = Callable[[Sequence[StatusUpdate]], Awaitable[list[ReportResult]]]


class Stored(Protocol):
    """What a house stands on: a store under test, or a database of a process."""

    @property
    def open_unit_of_work(self) -> OpenUnitOfWork: ...

    @property
    def reader(self) -> Reader: ...


class House:
    """The same pipelines and runs under a prefix of their own."""

    def __init__(self, store: Stored, prefix: str) -> None:
        self.store, self.prefix = store, prefix
        self.pipelines: dict[str, StoredPipeline] = {}
        self.runs: list[int] = []

    async def build(self) -> None:
        for name, stages in STAGES.items():
            self.pipelines[name] = pipeline = await a_pipeline(self.store.open_unit_of_work, f"{self.prefix}-{name}", stages)
            self.runs += [await a_stored_run(self.store.open_unit_of_work, pipeline) for _ in range(RUNS[name])]

    def own(self, update: StatusUpdate) -> StatusUpdate:
        """The update about this house: its pipelines have other names, its runs other ids."""
        run_id = None if update.run_id is None else self.runs[update.run_id] if update.run_id < len(self.runs) else 10**9
        pipeline = f"{self.prefix}-{update.pipeline}" if update.pipeline else None
        return replace(update, pipeline=pipeline, run_id=run_id)

    async def recorded(self) -> list[Any]:
        """Every run with its stages and events, by place instead of by id."""
        found = []
        for name, pipeline in self.pipelines.items():
            runs = await self.store.reader.runs(pipeline_id=pipeline.id, status=None, skip=0, limit=100)
            for run in sorted(runs, key=lambda run: run.number):
                events = await self.store.reader.events(run.id, 0, 1_000)
                facts = {key: value for key, value in asdict(run).items() if key not in ("id", "pipeline_id", "pipeline")}
                found.append((name, facts, [{**asdict(event), "run_id": 0, "pipeline_id": 0} for event in events]))
        return found

    async def told(self, answers: Sequence[ReportResult]) -> list[Mapping[str, Any]]:
        numbers = {}
        for pipeline in self.pipelines.values():
            for run in await self.store.reader.runs(pipeline_id=pipeline.id, status=None, skip=0, limit=100):
                numbers[run.id] = (pipeline.name.removeprefix(self.prefix), run.number)
        return [
            {
                **answer.as_json(),
                "run_id": numbers.get(answer.run_id or 0),
                "why": (answer.why or "").replace(self.prefix, "") or None,
                "facts": {key: len(value) if key == "runs" else value for key, value in answer.facts.items()},
                "replayed": answer.replayed,
            }
            for answer in answers
        ]


def a_history(seed: int, length: int = 60) -> list[StatusUpdate]:
    """Anything anybody may say, in any order: repeats, late words, wrong names, a reporter's old numbers."""
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
async def test_together_they_leave_what_they_leave_one_by_one(store: StoreUnderTest, seed: int) -> None:
    history = a_history(seed)

    def a_judge(wakeups: FakeWakeups) -> ReportStatus:
        return ReportStatus(store.open_unit_of_work, FakeParameterSchemas(), FakeClock(), wakeups)

    async def alone(updates: Sequence[StatusUpdate]) -> list[ReportResult]:
        return [answer for update in updates for answer in await a_judge(FakeWakeups())([update])]

    async def together(updates: Sequence[StatusUpdate]) -> list[ReportResult]:
        lane = ReportBatcher(a_judge(FakeWakeups()), max_batch_size=17)
        return [answers[0] for answers in await asyncio.gather(*(lane([update]) for update in updates))]

    async def in_a_list(updates: Sequence[StatusUpdate]) -> list[ReportResult]:
        return await a_judge(FakeWakeups())(updates)

    seen = []
    for prefix, judge_report in (("aaa", alone), ("bbb", together), ("ccc", in_a_list)):
        house = House(store, prefix)
        await house.build()
        answers = await judge_report([house.own(update) for update in history])
        seen.append((await house.told(answers), await house.recorded()))

    for other in seen[1:]:
        assert list(zip(history, seen[0][0], strict=True)) == list(zip(history, other[0], strict=True))
        assert seen[0][1] == other[1]
    assert any(answer["outcome"] == "applied" for answer in seen[0][0]) and len({answer["problem"] for answer in seen[0][0]}) > 3


async def test_two_processes_on_the_same_runs_lose_nothing(store: StoreUnderTest) -> None:
    house = House(store, "one")
    await house.build()
    lanes = [ReportBatcher(ReportStatus(store.open_unit_of_work, FakeParameterSchemas(), FakeClock(), FakeWakeups())) for _ in range(2)]
    updates = [StatusUpdate(Report(Status.RUNNING, "a", records_processed=n), run_id=house.runs[n % 3]) for n in range(60)]

    answers = await asyncio.gather(*(lanes[n % 2]([update]) for n, update in enumerate(updates)))

    assert all(answer.applied for (answer,) in answers)
    for run_id in house.runs:
        seqs = [answer.seq for (answer,) in answers if answer.run_id == run_id]
        assert len(set(seqs)) == 20
        events = await store.reader.events(run_id, 0, 1_000)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
