"""The statements that store runs. Each is built once, and its text does not depend on the values, so PostgreSQL plans it once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    Label,
    Select,
    TableValuedAlias,
    and_,
    bindparam,
    exists,
    false,
    func,
    insert,
    literal_column,
    select,
    text,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.persistence.connection.bulk_parameters import is_any_of, rows_from_json
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.repositories.runs.run_rows import ATTEMPT_KEYS, ATTEMPT_VALUES, DISPATCH_COLUMNS, EVENT_COLUMNS
from adapters.persistence.tables.base import UNFINISHED
from adapters.persistence.tables.dispatches import dispatch, outbox
from adapters.persistence.tables.runs import attempt, event, failure, run
from application.ports.persistence.runs import RECENT_RUNS
from domain.runs.attempt import REPORTABLE_FIELDS

_ATTEMPT_COLUMNS = (*ATTEMPT_KEYS, "stage", *ATTEMPT_VALUES)
_RUN_CHANGES = (
    "status",
    "revision",
    "verdict",
    "records_processed",
    "started_at",
    "finished_at",
    "stop_requested_at",
    "next_due_at",
    "last_seq",
    "dispatch_state",
    "dispatch_epoch",
    "dispatch_holder",
    "slot_state",
    "over_limit",
    "reopened_at",
    "idle_seconds",
    "idle_since",
)
_RUN_PROGRESS = ("last_seq", "records_processed")
_IS_ACTIVE = text(UNFINISHED)


def prefix_parameters(values: dict[str, Any]) -> dict[str, Any]:
    """Return the run's column values under the parameter names of `ADD`."""
    return {f"run_{name}": value for name, value in values.items()}


def _parameters(columns: Sequence[str]) -> dict[str, Any]:
    return {name: bindparam(f"run_{name}", type_=run.c[name].type) for name in columns}


def _store_attempts(new: CTE | None = None) -> CTE:
    rows = rows_from_json("attempts", attempt, _ATTEMPT_COLUMNS if new is not None else ("run_id", *_ATTEMPT_COLUMNS))
    chosen = select(*rows.c) if new is None else _beside(new, rows, select(new.c.id, *rows.c))
    statement = upsert(attempt).from_select(["run_id", *_ATTEMPT_COLUMNS], chosen)
    changes = {name: statement.excluded[name] for name in ATTEMPT_VALUES}
    return statement.on_conflict_do_update(index_elements=["run_id", *ATTEMPT_KEYS], set_=changes).cte("stored_attempts")


def _store_events(new: CTE | None = None) -> CTE:
    if new is None:
        rows = rows_from_json("events", event, ("run_id", "pipeline_id", *EVENT_COLUMNS))
        chosen = select(*rows.c)
    else:
        rows = rows_from_json("events", event, EVENT_COLUMNS)
        chosen = _beside(new, rows, select(new.c.id, bindparam("run_pipeline_id", type_=run.c.pipeline_id.type), *rows.c))
    return insert(event).from_select(["run_id", "pipeline_id", *EVENT_COLUMNS], chosen).cte("stored_events")


def _beside(new: CTE, rows: TableValuedAlias, chosen: Select[Any]) -> Select[Any]:
    """Join each row with the one new run, whose id it needs."""
    return chosen.select_from(new.join(rows, true()))


def _add() -> Any:
    columns = [column.name for column in run.c if column.name != "id"]
    new = insert(run).values(_parameters(columns)).returning(run.c.id).cte("new_run")
    return select(new.c.id).add_cte(_store_attempts(new), _store_events(new))


def _save() -> Any:
    """Save any number of runs in one statement."""
    values = rows_from_json("runs", run, ("id", *_RUN_CHANGES))
    statement = update(run).where(run.c.id == values.c.id).values({name: values.c[name] for name in _RUN_CHANGES})
    return statement.add_cte(_store_attempts(), _store_events())


def _save_progress() -> Any:
    """Save any number of runs with progress events only. Writing few columns saves most of the work, since the rows are long."""
    details = rows_from_json("attempts", attempt, ("run_id", *ATTEMPT_KEYS, *REPORTABLE_FIELDS))
    same = and_(*(attempt.c[name] == details.c[name] for name in ("run_id", *ATTEMPT_KEYS)))
    stored = update(attempt).where(same).values({name: details.c[name] for name in REPORTABLE_FIELDS}).cte("stored_attempts")
    values = rows_from_json("runs", run, ("id", *_RUN_PROGRESS))
    statement = update(run).where(run.c.id == values.c.id).values({name: values.c[name] for name in _RUN_PROGRESS})
    return statement.add_cte(stored, _store_events())


def _save_dispatches() -> Any:
    """Save dispatches, and an outbox row for each requested one. Later events of a dispatch only fill empty columns."""
    columns = ["run_id", "pool", "priority", *DISPATCH_COLUMNS]
    rows = rows_from_json("dispatches", dispatch, columns)
    dispatches = upsert(dispatch).from_select(columns, select(*rows.c))
    values = dispatches.excluded
    filled = {name: func.coalesce(values[name], dispatch.c[name]) for name in ("claimed_at", "holder", "ended_at")}
    stored = dispatches.on_conflict_do_update(index_elements=["run_id", "epoch"], set_=filled | {"lost": values.lost}).cte(
        "stored_dispatches"
    )
    requested = rows_from_json("requested", outbox, ("run_id", "pool", "epoch", "created_at"))
    return (
        insert(outbox).from_select(["run_id", "pool", "epoch", "created_at"], select(*requested.c), include_defaults=False).add_cte(stored)
    )


def _add_failures() -> Any:
    """Insert first failures and keep existing ones. The order by key prevents deadlocks between transactions with the same new failures."""
    seen = rows_from_json("failures", failure, [column.name for column in failure.c])
    key = (seen.c.pipeline_id, seen.c.stage, seen.c.fingerprint)
    rows = select(*seen.c).order_by(*key, seen.c.first_at)
    return upsert(failure).from_select([column.name for column in failure.c], rows).on_conflict_do_nothing()


def _next_numbers() -> Any:
    """Read the highest number of each pipeline's runs from the end of the index."""
    wanted = func.unnest(bindparam("pipelines", type_=ARRAY(BigInteger))).table_valued("pipeline_id").render_derived(name="wanted")
    highest = select(func.max(run.c.number)).where(run.c.pipeline_id == wanted.c.pipeline_id).scalar_subquery()
    return select(wanted.c.pipeline_id, func.coalesce(highest, 0) + 1)


def _find_recent() -> Any:
    """Read the ids of the active and of the newest runs of some pipelines."""
    columns = (run.c.pipeline_id, run.c.id)
    active = select(*columns, true().label("is_active")).where(is_any_of(run.c.pipeline_id, "pipelines"), _IS_ACTIVE)
    wanted = func.unnest(bindparam("pipelines", type_=ARRAY(BigInteger))).table_valued("pipeline_id").render_derived(name="wanted")
    of_pipeline = run.alias("of_pipeline")
    by_age = select(of_pipeline.c.pipeline_id, of_pipeline.c.id).where(of_pipeline.c.pipeline_id == wanted.c.pipeline_id)
    newest = by_age.order_by(of_pipeline.c.id.desc()).limit(literal_column(str(RECENT_RUNS))).lateral("newest")
    return union_all(active, select(newest.c.pipeline_id, newest.c.id, false()).select_from(wanted.join(newest, true())))


ADD = CompiledStatement(_add())
ADD_FAILURES = CompiledStatement(_add_failures())
SAVE = CompiledStatement(_save())
SAVE_PROGRESS = CompiledStatement(_save_progress())
SAVE_DISPATCHES = CompiledStatement(_save_dispatches())
_VERSION: tuple[Label[str], ...] = (
    literal_column("CAST(run.xmin AS text)").label("writer"),
    literal_column("CAST(CAST(pg_current_xact_id() AS xid) AS text)").label("transaction_id"),
)
"""The transaction that wrote the row, and the current one, which is the writer of the rows it saves."""
_NAMED = is_any_of(run.c.id, "ids")
READ = CompiledStatement(select(run, *_VERSION).where(_NAMED).order_by(run.c.id))
LOCK = CompiledStatement(select(run, *_VERSION).where(_NAMED).order_by(run.c.id).with_for_update(key_share=True))
LOCK_VERSIONS = CompiledStatement(
    select(run.c.id, run.c.last_seq, *_VERSION).where(_NAMED).order_by(run.c.id).with_for_update(key_share=True)
)
"""Lock cached runs and read only their versions."""
SELECT_ATTEMPTS = (
    select(attempt.c.run_id, *(attempt.c[name] for name in (*ATTEMPT_KEYS, *ATTEMPT_VALUES)))
    .where(is_any_of(attempt.c.run_id, "ids"))
    .order_by(attempt.c.run_id, attempt.c.position, attempt.c.number)
)
READ_ATTEMPTS = CompiledStatement(SELECT_ATTEMPTS)
NEXT_NUMBERS = CompiledStatement(_next_numbers())
UNFINISHED_OF_SCHEDULES = CompiledStatement(
    select(run.c.schedule_id, run.c.id)
    .where(is_any_of(run.c.schedule_id, "schedules"), run.c.schedule_id.is_not(None), _IS_ACTIVE)
    .order_by(run.c.id)
)
RECENT = _find_recent()
_DUE = (
    select(run.c.id)
    .where(run.c.next_due_at.is_not(None), _IS_ACTIVE, run.c.next_due_at <= bindparam("now"))
    .order_by(run.c.next_due_at, run.c.id)
    .limit(bindparam("limit"))
)
_HAS_DUE_RETRY = exists().where(attempt.c.run_id == run.c.id, attempt.c.status == text("'waiting'"), attempt.c.due_at <= bindparam("now"))
"""A retry, or a reminder. The status is written out, as in the index of waiting attempts."""
DUE = CompiledStatement(_DUE)
DUE_WITHOUT_DEADLINES = CompiledStatement(_DUE.where(_HAS_DUE_RETRY))
