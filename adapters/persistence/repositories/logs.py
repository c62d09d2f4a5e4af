"""Stores log lines: each once, numbered by run, up to a limit of bytes per attempt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.persistence.connection.bulk_parameters import rows_from_json
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.logs import log_counter, log_line, log_progress
from adapters.persistence.tables.runs import attempt
from application.ports.persistence.logs import AppendedLines, NewLogLine, UnfinishedLines
from domain.runs.attempt_log import AttemptLog, LineDecision, LogLimit, describe_full_head

_KEY = ("run_id", "stage", "attempt")
_LINE_COLUMNS = ("n", "at", "stream", "text", "is_order_approximate")


def _build_open_progress() -> Any:
    """Lock the attempt's progress row, inserted by the first append. Return no row if the attempt does not exist."""
    source = select(attempt.c.run_id, attempt.c.stage, attempt.c.number).where(
        attempt.c.run_id == bindparam("this_run"), attempt.c.stage == bindparam("this_stage"), attempt.c.number == bindparam("this_attempt")
    )
    new = upsert(log_progress).from_select(_KEY, source, include_defaults=False)
    unchanged = {"cut": log_progress.c.cut}
    return new.on_conflict_do_update(index_elements=_KEY, set_=unchanged).returning(
        log_progress.c.next_index, log_progress.c.bytes, log_progress.c.cut, log_progress.c.unfinished
    )


def _build_take_numbers() -> Any:
    """Add `count` lines to the run's counter and return it. The row stays locked until the commit, so numbers become visible in order."""
    new = upsert(log_counter).values(run_id=bindparam("this_run"), last_n=bindparam("count"))
    more = {"last_n": log_counter.c.last_n + new.excluded.last_n, "xid": func.pg_current_xact_id()}
    return new.on_conflict_do_update(index_elements=["run_id"], set_=more).returning(log_counter.c.last_n)


def _build_store() -> Any:
    rows = rows_from_json("lines", log_line, _LINE_COLUMNS)
    key = [bindparam(f"this_{name.removesuffix('_id')}", type_=log_line.c[name].type) for name in _KEY]
    lines = insert(log_line).from_select([*_KEY, *_LINE_COLUMNS], select(*key, *rows.c)).cte("stored_lines")
    named = [log_progress.c[name] == value for name, value in zip(_KEY, key, strict=True)]
    values = {name: bindparam(f"new_{name}", type_=log_progress.c[name].type) for name in ("next_index", "bytes", "cut")}
    return update(log_progress).where(*named).values(values).add_cte(lines)


def _build_show_unfinished() -> Any:
    key = [log_progress.c[name] == bindparam(f"this_{name.removesuffix('_id')}") for name in _KEY]
    return update(log_progress).where(*key).values(unfinished=bindparam("new_unfinished", type_=log_progress.c.unfinished.type))


_OPEN_PROGRESS, _TAKE_NUMBERS, _STORE = _build_open_progress(), _build_take_numbers(), _build_store()
_SHOW_UNFINISHED = _build_show_unfinished()


class SqlLogs:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def append(
        self,
        run_id: int,
        stage: str,
        attempt: int,
        lines: Sequence[NewLogLine],
        limit: LogLimit,
        *,
        is_tail: bool = False,
        unfinished: UnfinishedLines | None = None,
    ) -> AppendedLines:
        """Raise LookupError if the attempt does not exist."""
        key = {"this_run": run_id, "this_stage": stage, "this_attempt": attempt}
        row = (await self._transaction.execute(_OPEN_PROGRESS, key)).one_or_none()
        if row is None:
            raise LookupError(f"there is no attempt {attempt} of {stage} in run {run_id}")
        log = AttemptLog(row.next_index, row.bytes, row.cut)
        stored = list(_select_lines(log, lines, limit, is_tail))
        if (log.next_index, log.is_head_full) != (row.next_index, row.cut):
            last = await self._take_numbers(run_id, len(stored)) if stored else 0
            for n, line in enumerate(stored, start=last - len(stored) + 1):
                line["n"] = n
            new = {"new_next_index": log.next_index, "new_bytes": log.stored_bytes, "new_cut": log.is_head_full}
            await self._transaction.execute(_STORE, key | new | {"lines": stored})
        has_new_unfinished = unfinished is not None and unfinished.version > (row.unfinished or {"version": 0})["version"]
        if unfinished is not None and has_new_unfinished:
            await self._take_numbers(run_id, 0)  # for the change feed
            await self._transaction.execute(_SHOW_UNFINISHED, key | {"new_unfinished": _encode_unfinished(unfinished)})
        return AppendedLines(len(stored), log.get_tail_start(limit), has_new_unfinished)

    async def _take_numbers(self, run_id: int, count: int) -> int:
        return int((await self._transaction.execute(_TAKE_NUMBERS, {"this_run": run_id, "count": count})).scalar_one())


def _select_lines(log: AttemptLog, lines: Sequence[NewLogLine], limit: LogLimit, is_tail: bool) -> Iterator[dict[str, Any]]:
    for line in sorted(lines, key=lambda line: line.index):
        size = len(line.text.encode("utf-8", "surrogatepass"))
        match log.add(line.index, size, limit, is_tail=is_tail):
            case LineDecision.STORE:
                mark = {"is_order_approximate": True} if line.is_order_approximate else {}
                yield {"at": line.at.isoformat(), "stream": line.stream, "text": line.text, **mark}
            case LineDecision.STORE_NOTE:
                yield {"at": line.at.isoformat(), "stream": "headgate", "text": describe_full_head(limit)}


def _encode_unfinished(unfinished: UnfinishedLines) -> dict[str, Any]:
    lines = [[line.at.isoformat(), line.stream, line.text] for line in unfinished.lines]
    return {"version": unfinished.version, "lines": lines}
