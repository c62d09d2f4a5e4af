"""The rules of a run under random facts, with every step stored in PostgreSQL and read back."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, run_state_machine_as_test
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from adapters.persistence.database import Database
from adapters.persistence.tables.concurrency import OF_RUN
from domain.concurrency.slots import SlotState
from domain.flow_runs.flow_run import FlowRunChange
from domain.runs.run import Run
from tests.support.builders import NOW, a_definition
from tests.unit.domain.runs.test_run_state_machine import RunMachine, stage_lists

_names = itertools.count(1)


class StoredRunMachine(RunMachine):
    """After every rule the run is stored by a transaction that locks it, and what is stored is what the run is."""

    url: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.database = Database(self.url, 2)
        self.told = 0
        self.told_flow_runs: dict[tuple[int, int], FlowRunChange] = {}
        self.flow_run_rows: dict[tuple[str, int], bool] = {}

    @initialize(stages=stage_lists(), parallelism=st.integers(1, 3), limits=st.sampled_from([[], [{"limit": 1}]]))
    def open(self, stages: list[dict[str, object]], parallelism: int, limits: list[dict[str, object]]) -> None:
        super().open(stages, parallelism, limits)
        self.loop.run(self._open(stages, parallelism, limits))

    async def _open(self, stages: list[dict[str, object]], parallelism: int, limits: list[dict[str, object]]) -> None:
        definition = a_definition(f"machine-{next(_names)}", stages, parallelism=parallelism, concurrency=limits)
        async with self.database.open_unit_of_work() as work:
            pipeline = await work.pipelines.add(definition, NOW)
            self.run.pipeline_id, self.run.definition = pipeline.id, definition
            stored = self._untold()
            self.run.id = await work.runs.add(stored)
            await work.commit()
        self._note_told()

    def _untold(self) -> Run:
        """The run with the events and the changes of flow runs that are not stored yet. Its slots are stored anew each time."""
        changes = {key: change for key, change in self.run.flow_run_changes.items() if self.told_flow_runs.get(key) is not change}
        events = self.run.new_events[self.told :]
        return replace(self.run, new_events=events, slot_changes=dict(self.run.slot_changes), flow_run_changes=changes)

    def _note_told(self) -> None:
        """Keep what is stored by now: the last event, and the rows of flow runs with whether they are cancelled."""
        names = list(self.run.stages)
        for (position, number), change in self.run.flow_run_changes.items():
            key = names[position], number
            if change is FlowRunChange.FORGET:
                self.flow_run_rows.pop(key, None)
            elif change is FlowRunChange.CREATE or key in self.flow_run_rows:
                self.flow_run_rows[key] = change is FlowRunChange.CANCEL
        self.told, self.told_flow_runs = self.run.last_seq, dict(self.run.flow_run_changes)

    @invariant()
    def it_is_stored_as_it_is(self) -> None:
        self.loop.run(self._store())

    async def _store(self) -> None:
        async with self.database.open_unit_of_work() as work:
            await work.runs.lock([self.run.id])
            await work.runs.save(self._untold())
            await work.commit()
        self._note_told()
        async with self.database.open_unit_of_work() as work:
            stored = (await work.runs.lock([self.run.id]))[self.run.id]
        assert stored == replace(self.run, new_events=[], new_dispatch=None)

    @invariant()
    def its_slots_and_requests_are_stored(self) -> None:
        expected = {
            (OF_RUN if position is None else position, bucket.name, change.state is SlotState.HELD)
            for position, change in self.run.slot_changes.items()
            for bucket in change.buckets
        }
        assert self.loop.run(self._read_slots()) == expected

    async def _read_slots(self) -> set[tuple[int, str, bool]]:
        query = """
            SELECT position, bucket, true FROM slot WHERE run_id = :run
            UNION ALL SELECT position, bucket, false FROM slot_wait WHERE run_id = :run
        """
        async with self.database.engine.connect() as connection:
            rows = (await connection.execute(text(query), {"run": self.run.id})).all()
        assert len(set(rows)) == len(rows)
        return {(position, bucket, is_held) for position, bucket, is_held in rows}

    @invariant()
    def its_flow_runs_are_stored(self) -> None:
        assert self.loop.run(self._read_flow_runs()) == self.flow_run_rows

    async def _read_flow_runs(self) -> dict[tuple[str, int], bool]:
        query = text("SELECT stage, attempt, cancel_requested_at IS NOT NULL FROM flow_run WHERE run_id = :run")
        async with self.database.engine.connect() as connection:
            rows = (await connection.execute(query, {"run": self.run.id})).all()
        return {(stage, attempt): is_cancelled for stage, attempt, is_cancelled in rows}

    @invariant()
    def the_history_has_no_gap(self) -> None:
        assert self.loop.run(self._seqs()) == [*range(1, self.run.last_seq + 1)]

    async def _seqs(self) -> list[int]:
        async with self.database.engine.connect() as connection:
            found = await connection.execute(text("SELECT seq FROM event WHERE run_id = :run ORDER BY seq"), {"run": self.run.id})
            return [row.seq for row in found]

    @invariant()
    def no_one_can_take_an_end_back(self) -> None:
        """Not even raw SQL."""
        for stage in self.run.stages.values():
            if stage.is_over:
                with pytest.raises(IntegrityError):
                    self.loop.run(self._force(stage.name, stage.current.number))
                return

    async def _force(self, stage: str, attempt: int) -> None:
        change = text("UPDATE attempt SET status = 'running' WHERE run_id = :run AND stage = :stage AND number = :attempt")
        async with self.database.engine.begin() as connection:
            await connection.execute(change, {"run": self.run.id, "stage": stage, "attempt": attempt})

    def teardown(self) -> None:
        self.loop.run(self.database.stop())
        self.loop.close()


def test_a_stored_run_keeps_its_invariants(database_url: str) -> None:
    machine: Any = type("Machine", (StoredRunMachine,), {"url": database_url})

    run_state_machine_as_test(
        machine,
        settings=settings(deadline=None, max_examples=30, stateful_step_count=15, suppress_health_check=list(HealthCheck)),
    )
