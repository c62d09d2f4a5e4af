"""Stores log lines: each once, numbered by run, up to a limit of bytes per attempt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.persistence.connection.bulk_parameters import rows_from_json
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.logs import log_counter, log_line, log_progress
from adapters.persistence.tables.runs import attempt
from application.ports.persistence.logs import NewLogLine

_KEY = ("run_id", "stage", "attempt")
_LINE_COLUMNS = ("n", "at", "stream", "text")


def _build_open_progress() -> Any:
    """Lock the attempt's progress row, inserted by the first append. Return no row if the attempt does not exist."""
    source = select(attempt.c.run_id, attempt.c.stage, attempt.c.number).where(
        attempt.c.run_id == bindparam("this_run"), attempt.c.stage == bindparam("this_stage"), attempt.c.number == bindparam("this_attempt")
    )
    new = upsert(log_progress).from_select(_KEY, source, include_defaults=False)
    unchanged = {"cut": log_progress.c.cut}
    return new.on_conflict_do_update(index_elements=_KEY, set_=unchanged).returning(
        log_progress.c.next_index, log_progress.c.bytes, log_progress.c.cut
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


_OPEN_PROGRESS, _TAKE_NUMBERS, _STORE = _build_open_progress(), _build_take_numbers(), _build_store()


@dataclass(slots=True)
class _Progress:
    """The state of an attempt's log."""

    next_index: int
    bytes: int
    cut: bool

    def accept(self, lines: Sequence[NewLogLine], limit_bytes: int) -> Iterator[dict[str, Any]]:
        """Yield the lines to store: those not stored before, up to the limit, then one line that says the log is cut."""
        for line in sorted(lines, key=lambda line: line.index):
            if line.index < self.next_index:
                continue
            self.next_index = line.index + 1
            if self.cut:
                continue
            self.bytes += len(line.text.encode("utf-8", "surrogatepass"))
            self.cut = self.bytes > limit_bytes
            stream, text = ("headgate", _get_cut_message(limit_bytes)) if self.cut else (line.stream, line.text)
            yield {"at": line.at.isoformat(), "stream": stream, "text": text}


class SqlLogs:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def append(self, run_id: int, stage: str, attempt: int, lines: Sequence[NewLogLine], limit_bytes: int) -> int:
        """Raise LookupError if the attempt does not exist."""
        key = {"this_run": run_id, "this_stage": stage, "this_attempt": attempt}
        row = (await self._transaction.execute(_OPEN_PROGRESS, key)).one_or_none()
        if row is None:
            raise LookupError(f"there is no attempt {attempt} of {stage} in run {run_id}")
        progress = _Progress(row.next_index, row.bytes, row.cut)
        stored = list(progress.accept(lines, limit_bytes))
        if progress.next_index == row.next_index:
            return 0
        last = await self._take_numbers(run_id, len(stored)) if stored else 0
        for n, line in enumerate(stored, start=last - len(stored) + 1):
            line["n"] = n
        new = {"new_next_index": progress.next_index, "new_bytes": progress.bytes, "new_cut": progress.cut}
        await self._transaction.execute(_STORE, key | new | {"lines": stored})
        return len(stored)

    async def _take_numbers(self, run_id: int, count: int) -> int:
        return int((await self._transaction.execute(_TAKE_NUMBERS, {"this_run": run_id, "count": count})).scalar_one())


def _get_cut_message(limit_bytes: int) -> str:
    mebibytes, rest = divmod(limit_bytes, 1024 * 1024)
    size = f"{mebibytes:,} MiB" if mebibytes and not rest else f"{limit_bytes:,} bytes"
    return f"The log is cut here: this attempt wrote more than {size}."
