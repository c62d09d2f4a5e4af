"""Check the invariants that stored runs must satisfy, whatever was killed meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from adapters.persistence.database import Database
from domain.concurrency.slots import SlotState
from domain.runs.readiness import compute_run_status
from domain.runs.run import Run
from domain.runs.status import TERMINAL
from tests.chaos.event_viewer import Viewer
from tests.chaos.load_driver import Ledger
from tests.chaos.stack import Stack

_TERMINAL = {str(status) for status in TERMINAL}


@dataclass(slots=True)
class Findings:
    """Violated invariants, one sentence each. `wrong` has those without a category of their own."""

    lost: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def all(self) -> list[str]:
        return [*self.lost, *self.stuck, *self.doubled, *self.wrong]

    def add(self, other: Findings) -> None:
        for name in ("lost", "stuck", "doubled", "wrong"):
            getattr(self, name).extend(getattr(other, name))


class Checker:
    """Reads the database and the files that stages wrote."""

    def __init__(self, stack: Stack, ledger: Ledger, viewers: Sequence[Viewer] = ()) -> None:
        self._stack, self._ledger, self._viewers = stack, ledger, viewers

    def get_newest_run_id(self) -> int:
        return int(self._query("SELECT coalesce(max(id), 0) FROM run")[0][0])

    def find_unacknowledged_runs(self, after: int) -> list[tuple[int, str]]:
        """Return the runs (id and pipeline) that are stored although their trigger got no response."""
        known = {trigger.run_id for trigger in self._ledger.triggers}
        rows = self._query("SELECT run.id, name FROM run JOIN pipeline ON pipeline.id = pipeline_id WHERE run.id > %s", after)
        return [(run_id, name) for run_id, name in rows if run_id not in known]

    async def wait_for_runs(self, after: int, seconds: float) -> list[str]:
        """Wait until every run with a higher id has finished. Return a sentence for each that has not after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            open_runs = await asyncio.to_thread(
                self._query,
                "SELECT id, status, dispatch_state, dispatch_epoch FROM run WHERE id > %s AND status <> ALL(%s)",
                after,
                [*_TERMINAL],
            )
            if not open_runs:
                return []
            if time.monotonic() > deadline:
                return [f"run {id} is {status}, its dispatch {epoch} {dispatch}" for id, status, dispatch, epoch in open_runs]
            await asyncio.sleep(0.1)

    async def check(self, after: int, expected: Sequence[str] = ()) -> Findings:
        """Check all runs with a higher id. Runs of the pipelines in `expected` must have completed."""
        findings = Findings()
        runs = await self._load_runs(after)
        events = self._load_events(after)
        self._check_acknowledged(runs, events, after, findings)
        self._check_starts(runs, events, after, findings)
        for run in runs.values():
            findings.wrong += _check_run(run, events[run.id])
            if run.definition.name in expected and str(run.status) != "completed":
                findings.wrong.append(f"run {run.id} ({run.definition.name}) is {run.status}: {_describe_attempts(run)}")
        findings.wrong += self._ledger.broken
        self._ledger.broken.clear()
        for viewer in self._viewers:
            findings.wrong += await self._check_viewer(viewer, runs)
        return findings

    def count_statuses(self, after: int) -> Counter[str]:
        return Counter(dict(self._query("SELECT status, count(*) FROM run WHERE id > %s GROUP BY status", after)))

    async def find_leftovers(self, seconds: float = 300.0) -> list[str]:
        """Wait until no lease, outbox row or active flow run is left. Return a sentence for each that is left after `seconds`."""
        deadline = time.monotonic() + seconds
        while left := await asyncio.to_thread(self._find_leftovers):
            if time.monotonic() > deadline:
                return left
            await asyncio.sleep(0.5)
        return []

    async def _load_runs(self, after: int) -> dict[int, Run]:
        database = Database(self._stack.postgres.url(), 1)
        try:
            async with database.open_unit_of_work() as work:
                return await work.runs.lock([row[0] for row in self._query("SELECT id FROM run WHERE id > %s", after)])
        finally:
            await database.stop()

    def _load_events(self, after: int) -> dict[int, list[tuple[Any, ...]]]:
        events: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        for row in self._query("SELECT run_id, seq, type, stage, attempt, status FROM event WHERE run_id > %s ORDER BY run_id, seq", after):
            events[row[0]].append(row[1:])
        return events

    def _check_acknowledged(self, runs: dict[int, Run], events: dict[int, list[tuple[Any, ...]]], after: int, findings: Findings) -> None:
        for trigger in self._ledger.triggers:
            if trigger.run_id > after:
                run = runs.get(trigger.run_id)
                if run is None or run.definition.name != trigger.pipeline or run.parameters.get("tag") != trigger.tag:
                    findings.lost.append(f"the trigger of run {trigger.run_id} is not stored")
        for report in self._ledger.reports:
            stored = {seq: (stage, status) for seq, _, stage, _, status in events.get(report.run_id, ())}
            if report.run_id > after and report.applied and stored.get(report.seq or 0, (None,))[0] != report.stage:
                findings.lost.append(f"run {report.run_id}: {report.stage} {report.status} (seq {report.seq}) is not stored")
            if report.run_id > after and report.applied and report.status == "completed" and report.run_id in runs:
                status = runs[report.run_id].stages[report.stage].status
                if status != "completed":
                    findings.lost.append(f"run {report.run_id}: {report.stage} was acknowledged as completed and is {status}")

    def _check_starts(self, runs: dict[int, Run], events: dict[int, list[tuple[Any, ...]]], after: int, findings: Findings) -> None:
        lines = self._stack.starts_file.read_text().splitlines() if self._stack.starts_file.exists() else []
        started = Counter(tuple(line.split()) for line in lines)
        findings.doubled += [
            f"{' '.join(key)} started {times} times" for key, times in started.items() if times > 1 and int(key[0]) > after
        ]
        for run in runs.values():
            ran = Counter(
                (stage, attempt) for _, type, stage, attempt, status in events[run.id] if (type, status) == ("stage.moved", "running")
            )
            external = {stage.name for stage in run.stages.values() if not stage.definition.kind.runs_on_worker}
            for (stage, attempt), times in ran.items():
                if times > 1:
                    findings.doubled.append(f"run {run.id}: {stage} {attempt} was moved to running {times} times")
            for key in started:
                if key[0] == str(run.id) and key[1] not in external and (key[1], int(key[2])) not in ran:
                    findings.doubled.append(f"{' '.join(key)} started but was never running")

    async def _check_viewer(self, viewer: Viewer, runs: dict[int, Run], seconds: float = 20.0) -> list[str]:
        deadline = time.monotonic() + seconds
        while True:
            behind = [
                f"a viewer of run {run.id} has {len(viewer.seen[run.id])} of {run.last_seq} events, and shows {viewer.statuses.get(run.id)}"
                for run in runs.values()
                if sorted(viewer.seen[run.id]) != [*range(1, run.last_seq + 1)] or viewer.statuses.get(run.id, (0, ""))[1] != run.status
            ]
            if not behind or time.monotonic() > deadline:
                broken, viewer.broken = viewer.broken, []
                return behind + broken
            await asyncio.sleep(0.1)

    def _find_leftovers(self) -> list[str]:
        left = [f"a lease of run {run_id} dispatch {epoch}" for run_id, epoch in self._query("SELECT run_id, epoch FROM lease")]
        left += [
            f"an outbox row of run {run_id} dispatch {epoch}: {error}"
            for run_id, epoch, error in self._query("SELECT run_id, epoch, last_error FROM outbox")
        ]
        try:
            running = self._stack.call_prefect(
                "/flow_runs/filter",
                {"flow_runs": {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING", "SCHEDULED"]}}}, "limit": 200},
            )
        except httpx.HTTPError as error:
            return [*left, f"Prefect: {error!r}"]
        return left + [f"{run['name']} is {run['state_type']} in Prefect" for run in running]

    def _query(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self._stack.postgres.connection("headgate") as connection:
            return connection.execute(query, parameters).fetchall()  # type: ignore[arg-type]


def _check_run(run: Run, events: list[tuple[Any, ...]]) -> list[str]:
    wrong = []
    if [event[0] for event in events] != [*range(1, run.last_seq + 1)]:
        wrong.append(f"run {run.id}: its events are not 1 to {run.last_seq}")
    waits_for_slots = run.slot_state is SlotState.WAITING
    computed = compute_run_status(run.stages.values(), run.verdict, run.started_at is not None, waits_for_slots)
    if computed is not run.status:
        wrong.append(f"run {run.id} is stored as {run.status}; its stages make it {computed}")
    ended: dict[tuple[str, int], str] = {}
    for _, type, stage, attempt, status in events:
        if type == "stage.moved":
            if (stage, attempt) in ended:
                wrong.append(f"run {run.id}: {stage} {attempt} was {ended[stage, attempt]} and moved to {status}")
            elif status in _TERMINAL:
                ended[stage, attempt] = status
    for stage in run.stages.values():
        for attempt in stage.attempts:
            if attempt.status.is_terminal and ended.get((stage.name, attempt.number)) != attempt.status:
                wrong.append(f"run {run.id}: {stage.name} {attempt.number} is {attempt.status} and no event says so")
    moves = [status for _, type, _, _, status in events if type == "run.moved"]
    if any(status in _TERMINAL for status in moves[:-1]):
        wrong.append(f"run {run.id} had finished and moved again: {moves}")
    return wrong


def _describe_attempts(run: Run) -> str:
    return ", ".join(
        f"{stage.name} {a.number} {a.status} {a.error_message or ''}".strip() for stage in run.stages.values() for a in stage.attempts
    )
