"""Runs with their attempts, events and dispatch requests."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from adapters.persistence.connection.bulk_parameters import is_storable_id
from adapters.persistence.connection.compiled_statements import BoundStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.repositories.definitions import DefinitionLoader
from adapters.persistence.repositories.runs import run_statements as sql
from adapters.persistence.repositories.runs.run_cache import CachedRun, RowVersion, RunCache, get_row_version
from adapters.persistence.repositories.runs.run_rows import (
    StoredAttempts,
    dispatch_rows,
    get_attempt_values,
    get_updated_attempts,
    to_attempt_rows,
    to_event_rows,
    to_new_run_row,
    to_progress_rows,
    to_run,
    to_run_row,
)
from domain.runs.events import EventType
from domain.runs.run import Run


class SqlRuns:
    """Remembers what it loaded, so that only what changed is written."""

    def __init__(self, transaction: SqlTransaction, definitions: DefinitionLoader, kept: RunCache) -> None:
        self._transaction = transaction
        self._definitions = definitions
        self._kept = kept
        self._taken_up: dict[int, Run] = {}
        self._saved: dict[int, Run] = {}
        """Of those taken up."""
        self._me = ""
        self._stored: dict[int, StoredAttempts] = {}
        self._last_seq: dict[int, int] = {}

    async def next_number(self, pipeline_id: int) -> int:
        (((number,),),) = await self._transaction.fetch_batch((sql.NEXT_NUMBER, {"pipeline": pipeline_id}))
        return int(number)

    async def add(self, run: Run) -> int:
        if run.id:
            raise ValueError(f"run {run.id} was added already")
        _check_seqs(run, after=0)
        attempts = get_attempt_values(run)
        parameters = sql.prefix_parameters(to_new_run_row(run)) | {"attempts": to_attempt_rows(run, attempts), "events": to_event_rows(run)}
        (((run.id,),),) = await self._transaction.fetch_batch((sql.ADD, parameters))
        self._save_dispatches(run)
        self._remember(run, attempts)
        return run.id

    async def lock(self, ids: Sequence[int]) -> dict[int, Run]:
        wanted = _possible(ids)
        if not wanted:
            return {}
        rows, attempts = await self._transaction.fetch_batch((sql.LOCK, {"ids": wanted}), (sql.READ_ATTEMPTS, {"ids": wanted}))
        return await self._runs(rows, attempts)

    async def load_for_update(self, ids: Sequence[int], *asked: BoundStatement) -> tuple[dict[int, Run], list[list[Any]]]:
        """As `lock`, for runs that are kept here once they are saved; and the rows of what else is asked, as it is behind the locks."""
        wanted = _possible(ids)
        if not wanted:
            return {}, await self._transaction.fetch_batch(*asked) if asked else []
        kept = self._kept.take(wanted)
        unknown = {"ids": [run_id for run_id in wanted if run_id not in kept]}
        if kept:
            read = ((sql.READ, unknown), (sql.READ_ATTEMPTS, unknown)) if unknown["ids"] else ()
            locked, *answers = await self._transaction.fetch_batch((sql.LOCK_VERSIONS, {"ids": wanted}), *read, *asked)
            runs = await self._still_the_same(kept, locked)
        else:
            read, runs = ((sql.LOCK, unknown), (sql.READ_ATTEMPTS, unknown)), {}
            answers = await self._transaction.fetch_batch(*read, *asked)
        if read:
            runs |= await self._runs(*answers[:2])
        self._taken_up = runs
        return runs, answers[len(read) :]

    async def _still_the_same(self, kept: Mapping[int, CachedRun], locked: Sequence[Any]) -> dict[int, Run]:
        """The runs that were kept, read anew where somebody else has changed them since."""
        runs: dict[int, Run] = {}
        changed = []
        for row in locked:
            found = kept.get(row.id)
            if found is not None and found.version == get_row_version(row):
                runs[row.id] = found.run
                self._me = row.me
                self._remember(found.run, found.written)
            elif found is not None:
                changed.append(row.id)
        if changed:
            runs |= await self._runs(
                *await self._transaction.fetch_batch((sql.READ, {"ids": changed}), (sql.READ_ATTEMPTS, {"ids": changed}))
            )
        return runs

    async def _runs(self, rows: Sequence[Any], attempts: Sequence[Any]) -> dict[int, Run]:
        stored: dict[int, StoredAttempts] = {row.id: {} for row in rows}
        for run_id, position, number, *values in attempts:
            # One that was added between the two statements has attempts and no row: it was not there to be locked.
            if run_id in stored:
                stored[run_id][position, number] = tuple(values)
        definitions = await self._definitions.of((row.pipeline_id, row.revision) for row in rows)
        runs = {row.id: to_run(row, definitions[row.pipeline_id, row.revision], stored[row.id]) for row in rows}
        for row in rows:
            self._me = row.me
            self._remember(runs[row.id], stored[row.id])
        return runs

    def keep(self) -> None:
        """What was taken up and saved is committed: whoever takes it up next finds it here, if nobody changes it in between."""
        for run_id, run in self._saved.items():
            if not run.new_events and run.last_seq == self._last_seq[run_id]:
                self._kept.put(CachedRun(RowVersion(run.last_seq, self._me), run, self._stored[run_id]))

    async def save(self, *runs: Run) -> None:
        self._saved |= {run.id: run for run in runs if run is self._taken_up.get(run.id)}
        moved = [run for run in runs if not run.has_only_progress_events]
        self._save_progress([run for run in runs if run.has_only_progress_events])
        self._save_whole(moved)

    def _save_progress(self, runs: Sequence[Run]) -> None:
        """Of a run in which nothing moved, little is written: most reports are of this kind."""
        rows = _rows()
        for run in runs:
            before, told = self._before(run), get_updated_attempts(run)
            rows["runs"].append({"id": run.id, "last_seq": run.last_seq, "records_processed": run.records_processed})
            rows["attempts"] += [{"run_id": run.id, **row} for row in to_progress_rows(told)]
            rows["events"] += to_event_rows(run)
            self._remember(run, before | told)
        if runs:
            self._transaction.enqueue(sql.SAVE_PROGRESS, **rows)

    def _save_whole(self, runs: Sequence[Run]) -> None:
        rows, written = _rows(), [get_attempt_values(run) for run in runs]
        for run, attempts in zip(runs, written, strict=True):
            before = self._before(run)
            if before.keys() - attempts.keys():
                raise ValueError(f"run {run.id} lost an attempt")
            changed = {key: values for key, values in attempts.items() if before.get(key) != values}
            of_run = {"run_id": run.id, "pipeline_id": run.pipeline_id}
            rows["runs"].append({"id": run.id, **to_run_row(run)})
            rows["attempts"] += [of_run | row for row in to_attempt_rows(run, changed)]
            rows["events"] += to_event_rows(run)
        if runs:
            self._transaction.enqueue(sql.SAVE, **rows)
            self._note_failures(rows["attempts"])
            self._save_dispatches(*runs)
        for run, attempts in zip(runs, written, strict=True):
            self._remember(run, attempts)

    def _before(self, run: Run) -> StoredAttempts:
        """Its attempts as they are stored, when it may be saved."""
        before = self._stored.get(run.id)
        if before is None:
            raise RuntimeError(f"run {run.id} is saved by a unit of work that has not locked it")
        _check_seqs(run, after=self._last_seq[run.id])
        return before

    async def active_ids(self, pipeline_ids: Collection[int]) -> Mapping[int, list[int]]:
        active: dict[int, list[int]] = {pipeline_id: [] for pipeline_id in pipeline_ids}
        asked = [pipeline_id for pipeline_id in active if is_storable_id(pipeline_id)]
        for row in await self._transaction.execute(sql.ACTIVE, {"pipelines": asked}):
            active[row.pipeline_id].append(row.id)
        return active

    async def latest_id(self, pipeline_id: int) -> int | None:
        return (await self._transaction.execute(sql.LATEST, {"pipeline": pipeline_id})).scalar_one_or_none()

    async def find_due(self, now: datetime, limit: int) -> list[int]:
        return list((await self._transaction.execute(sql.DUE, {"now": now, "limit": limit})).scalars())

    def _note_failures(self, attempts: Sequence[Mapping[str, Any]]) -> None:
        seen = [row for row in attempts if "fingerprint" in row]
        if seen:
            key = ("pipeline_id", "stage", "fingerprint", "run_id")
            rows = [{name: row[name] for name in key} | {"first_at": row.get("finished_at") or row["created_at"]} for row in seen]
            self._transaction.enqueue(sql.ADD_FAILURES, failures=rows)

    def _save_dispatches(self, *runs: Run) -> None:
        dispatches = [{"run_id": run.id, "pool": run.pool, **row} for run in runs for row in dispatch_rows(run)]
        if not dispatches:
            return
        requested = [
            {"run_id": run.id, "pool": run.pool, "epoch": event.data["dispatch"], "created_at": event.at}
            for run in runs
            for event in run.new_events
            if event.type is EventType.DISPATCH_REQUESTED
        ]
        self._transaction.enqueue(sql.SAVE_DISPATCHES, dispatches=dispatches, requested=requested)

    def _remember(self, run: Run, attempts: StoredAttempts) -> None:
        self._stored[run.id] = attempts
        self._last_seq[run.id] = run.last_seq
        run.new_events.clear()
        run.new_dispatch = None


def _possible(ids: Sequence[int]) -> list[int]:
    return sorted({run_id for run_id in ids if is_storable_id(run_id)})


def _rows() -> dict[str, list[dict[str, Any]]]:
    return {"runs": [], "attempts": [], "events": []}


def _check_seqs(run: Run, after: int) -> None:
    """The one rule of the log that no constraint of the table can hold: no gap."""
    seqs = [event.seq for event in run.new_events]
    if seqs != list(range(after + 1, run.last_seq + 1)):
        raise ValueError(f"after event {after} of run {run.id} come {seqs}, and the run says {run.last_seq}")
