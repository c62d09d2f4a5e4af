"""Stores runs with their attempts, events and dispatch requests."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from adapters.persistence.connection.bulk_parameters import is_storable_id
from adapters.persistence.connection.compiled_statements import BoundStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.repositories.definitions import DefinitionLoader
from adapters.persistence.repositories.flow_run_statements import SAVE_CHANGES
from adapters.persistence.repositories.runs import run_statements as sql
from adapters.persistence.repositories.runs.flow_run_changes import to_flow_run_changes
from adapters.persistence.repositories.runs.run_cache import CachedRun, RowVersion, RunCache, get_row_version
from adapters.persistence.repositories.runs.run_facts import FIND_FACTS, build_facts
from adapters.persistence.repositories.runs.run_rows import (
    StoredAttempts,
    get_attempt_values,
    get_updated_attempts,
    parse_attempt_values,
    to_attempt_rows,
    to_dispatch_rows,
    to_event_rows,
    to_new_run_row,
    to_progress_rows,
    to_run,
    to_run_row,
)
from adapters.persistence.repositories.runs.slot_rows import to_slot_rows
from adapters.persistence.repositories.slot_statements import SAVE_SLOTS
from application.ports.persistence.run_facts import RunFacts
from application.ports.persistence.runs import RecentRuns
from domain.runs.events import EventType
from domain.runs.run import Run


class SqlRuns:
    """The `Runs` of one transaction. It remembers the rows that it loaded, so that it writes only what changed."""

    def __init__(self, transaction: SqlTransaction, definitions: DefinitionLoader, cache: RunCache) -> None:
        self._transaction = transaction
        self._definitions = definitions
        self._cache = cache
        self._cacheable: dict[int, Run] = {}
        """Runs loaded by `load_for_update`."""
        self._saved: dict[int, Run] = {}
        """Cacheable runs that were saved."""
        self._transaction_id = ""
        self._stored: dict[int, StoredAttempts] = {}
        self._last_seq: dict[int, int] = {}

    async def next_numbers(self, pipeline_ids: Collection[int]) -> Mapping[int, int]:
        (rows,) = await self._transaction.fetch_batch(self.bind_next_numbers(pipeline_ids))
        return self.build_numbers(rows)

    def bind_next_numbers(self, pipeline_ids: Collection[int]) -> BoundStatement:
        return sql.NEXT_NUMBERS, {"pipelines": sorted(set(pipeline_ids))}

    def build_numbers(self, rows: Sequence[Any]) -> dict[int, int]:
        return {pipeline_id: int(number) for pipeline_id, number in rows}

    async def find_unfinished(self, schedule_ids: Collection[int]) -> Mapping[int, Sequence[int]]:
        found: dict[int, list[int]] = {schedule_id: [] for schedule_id in schedule_ids}
        (rows,) = await self._transaction.fetch_batch((sql.UNFINISHED_OF_SCHEDULES, {"schedules": list(found)}))
        for schedule_id, run_id in rows:
            found[schedule_id].append(run_id)
        return found

    async def add(self, run: Run) -> int:
        await self.add_all([run])
        return run.id

    async def add_all(self, runs: Sequence[Run]) -> None:
        if not runs:
            return
        added = [(run, get_attempt_values(run)) for run in runs]
        results = await self._transaction.fetch_batch(*(_bind_add(run, attempts) for run, attempts in added))
        for (run, _), ((run_id,),) in zip(added, results, strict=True):
            run.id = run_id
        self._save_dispatches(*runs)
        self._save_slots(runs)
        self._save_flow_runs(runs)
        for run, attempts in added:
            self._remember(run, attempts)

    async def lock(self, ids: Sequence[int]) -> dict[int, Run]:
        storable = _get_storable_ids(ids)
        if not storable:
            return {}
        rows, attempts = await self._transaction.fetch_batch((sql.LOCK, {"ids": storable}), (sql.READ_ATTEMPTS, {"ids": storable}))
        return await self._build_runs(rows, attempts)

    async def load_for_update(self, ids: Sequence[int], *queries: BoundStatement) -> tuple[dict[int, Run], list[list[Any]]]:
        """Lock and return the runs, from the cache where their rows did not change, and the rows of further queries run after the locks.

        Runs that are saved go to the cache after the commit.
        """
        storable = _get_storable_ids(ids)
        if not storable:
            return {}, await self._transaction.fetch_batch(*queries) if queries else []
        cached = self._cache.take(storable)
        uncached = {"ids": [run_id for run_id in storable if run_id not in cached]}
        if cached:
            reads = ((sql.READ, uncached), (sql.READ_ATTEMPTS, uncached)) if uncached["ids"] else ()
            versions, *results = await self._transaction.fetch_batch((sql.LOCK_VERSIONS, {"ids": storable}), *reads, *queries)
            runs = await self._validate_cached(cached, versions)
        else:
            reads, runs = ((sql.LOCK, uncached), (sql.READ_ATTEMPTS, uncached)), {}
            results = await self._transaction.fetch_batch(*reads, *queries)
        if reads:
            runs |= await self._build_runs(*results[:2])
        self._cacheable = runs
        return runs, results[len(reads) :]

    async def _validate_cached(self, cached: Mapping[int, CachedRun], versions: Sequence[Any]) -> dict[int, Run]:
        """Return the cached runs. Read those again whose row has another version, since another transaction changed them."""
        runs: dict[int, Run] = {}
        changed = []
        for row in versions:
            found = cached.get(row.id)
            if found is not None and found.version == get_row_version(row):
                runs[row.id] = found.run
                self._transaction_id = row.transaction_id
                self._remember(found.run, found.stored)
            elif found is not None:
                changed.append(row.id)
        if changed:
            rows, attempts = await self._transaction.fetch_batch((sql.READ, {"ids": changed}), (sql.READ_ATTEMPTS, {"ids": changed}))
            runs |= await self._build_runs(rows, attempts)
        return runs

    async def _build_runs(self, rows: Sequence[Any], attempts: Sequence[Any]) -> dict[int, Run]:
        stored: dict[int, StoredAttempts] = {row.id: {} for row in rows}
        for run_id, position, number, *values in attempts:
            # A run that was added between the two statements has attempts but no locked row.
            if run_id in stored:
                stored[run_id][position, number] = parse_attempt_values(values)
        definitions = await self._definitions.load((row.pipeline_id, row.revision) for row in rows)
        runs = {row.id: to_run(row, definitions[row.pipeline_id, row.revision], stored[row.id]) for row in rows}
        for row in rows:
            self._transaction_id = row.transaction_id
            self._remember(runs[row.id], stored[row.id])
        return runs

    def cache_saved(self) -> None:
        """Put the runs that were loaded for update and saved into the cache. Call it after the commit."""
        for run_id, run in self._saved.items():
            if not run.new_events and run.last_seq == self._last_seq[run_id]:
                self._cache.put(CachedRun(RowVersion(run.last_seq, self._transaction_id), run, self._stored[run_id]))

    async def save(self, *runs: Run) -> None:
        self._saved |= {run.id: run for run in runs if run is self._cacheable.get(run.id)}
        progressed = [run for run in runs if run.has_only_progress_events]
        changed = [run for run in runs if not run.has_only_progress_events]  # before saving, which clears the events
        self._save_slots(runs)
        self._save_flow_runs(runs)
        self._save_progress(progressed)
        self._save_changes(changed)

    def _save_progress(self, runs: Sequence[Run]) -> None:
        """Store runs of which only the progress of stages changed, which most reports do: fewer columns are written."""
        rows = _new_rows()
        for run in runs:
            before, updated = self._get_stored(run), get_updated_attempts(run)
            rows["runs"].append({"id": run.id, "last_seq": run.last_seq, "records_processed": run.records_processed})
            rows["attempts"] += [{"run_id": run.id, **row} for row in to_progress_rows(updated)]
            rows["events"] += to_event_rows(run)
            self._remember(run, before | updated)
        if runs:
            self._transaction.enqueue(sql.SAVE_PROGRESS, **rows)

    def _save_changes(self, runs: Sequence[Run]) -> None:
        rows, attempts_by_run = _new_rows(), [get_attempt_values(run) for run in runs]
        for run, attempts in zip(runs, attempts_by_run, strict=True):
            before = self._get_stored(run)
            if before.keys() - attempts.keys():
                raise ValueError(f"run {run.id} lost an attempt")
            changed = {key: values for key, values in attempts.items() if before.get(key) != values}
            run_keys = {"run_id": run.id, "pipeline_id": run.pipeline_id}
            rows["runs"].append({"id": run.id, **to_run_row(run)})
            rows["attempts"] += [run_keys | row for row in to_attempt_rows(run, changed)]
            rows["events"] += to_event_rows(run)
        if runs:
            self._transaction.enqueue(sql.SAVE, **rows)
            self._add_failures(rows["attempts"])
            self._save_dispatches(*runs)
        for run, attempts in zip(runs, attempts_by_run, strict=True):
            self._remember(run, attempts)

    def _get_stored(self, run: Run) -> StoredAttempts:
        """Return the run's attempts as they are stored. Raise RuntimeError if this transaction has not locked the run."""
        stored = self._stored.get(run.id)
        if stored is None:
            raise RuntimeError(f"run {run.id} is saved by a unit of work that has not locked it")
        _check_seqs(run, after=self._last_seq[run.id])
        return stored

    async def find_recent(self, pipeline_ids: Collection[int]) -> Mapping[int, RecentRuns]:
        active: dict[int, list[int]] = {pipeline_id: [] for pipeline_id in pipeline_ids}
        newest: dict[int, list[int]] = {pipeline_id: [] for pipeline_id in pipeline_ids}
        storable = [pipeline_id for pipeline_id in active if is_storable_id(pipeline_id)]
        for row in await self._transaction.execute(sql.RECENT, {"pipelines": storable}):
            (active if row.is_active else newest)[row.pipeline_id].append(row.id)
        return {each: RecentRuns(sorted(active[each]), sorted(newest[each], reverse=True)) for each in active}

    async def find_facts(self, ids: Collection[int], with_parameters: Collection[int] = ()) -> Mapping[int, RunFacts]:
        if not (storable := _get_storable_ids(list(ids))):
            return {}
        (rows,) = await self._transaction.fetch_batch((FIND_FACTS, {"ids": storable, "with_parameters": sorted(set(with_parameters))}))
        return build_facts(rows)

    async def find_due(self, now: datetime, limit: int, *, with_deadlines: bool = True) -> list[int]:
        statement = sql.DUE if with_deadlines else sql.DUE_WITHOUT_DEADLINES
        (rows,) = await self._transaction.fetch_batch((statement, {"now": now, "limit": limit}))
        return [row.id for row in rows]

    def _add_failures(self, attempts: Sequence[Mapping[str, Any]]) -> None:
        failed = [row for row in attempts if "fingerprint" in row]
        if failed:
            key = ("pipeline_id", "stage", "fingerprint", "run_id")
            rows = [{name: row[name] for name in key} | {"first_at": row.get("finished_at") or row["created_at"]} for row in failed]
            self._transaction.enqueue(sql.ADD_FAILURES, failures=rows)

    def _save_slots(self, runs: Sequence[Run]) -> None:
        """Send the changes of slots, for runs with concurrency limits only."""
        rows = to_slot_rows(runs)
        if rows["changed"]:
            self._transaction.enqueue(SAVE_SLOTS, **rows)

    def _save_flow_runs(self, runs: Sequence[Run]) -> None:
        """Send what is to be done about flow runs, for runs with stages of kind `prefect` only."""
        rows = to_flow_run_changes(runs)
        if any(rows.values()):
            self._transaction.enqueue(SAVE_CHANGES, **rows)

    def _save_dispatches(self, *runs: Run) -> None:
        dispatches = [
            {"run_id": run.id, "pool": run.pool, "priority": run.priority, **row} for run in runs for row in to_dispatch_rows(run)
        ]
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
        run.slot_changes.clear()
        run.flow_run_changes.clear()


def _bind_add(run: Run, attempts: StoredAttempts) -> BoundStatement:
    if run.id:
        raise ValueError(f"run {run.id} was added already")
    _check_seqs(run, after=0)
    rows = {"attempts": to_attempt_rows(run, attempts), "events": to_event_rows(run)}
    return sql.ADD, sql.prefix_parameters(to_new_run_row(run)) | rows


def _get_storable_ids(ids: Sequence[int]) -> list[int]:
    return sorted({run_id for run_id in ids if is_storable_id(run_id)})


def _new_rows() -> dict[str, list[dict[str, Any]]]:
    return {"runs": [], "attempts": [], "events": []}


def _check_seqs(run: Run, after: int) -> None:
    """Raise ValueError if the events leave a gap, which no constraint of the table can prevent."""
    seqs = [event.seq for event in run.new_events]
    if seqs != list(range(after + 1, run.last_seq + 1)):
        raise ValueError(f"run {run.id} has new events {seqs} after event {after}, but its last seq is {run.last_seq}")
