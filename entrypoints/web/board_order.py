"""The orders of the board's rows."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final

from application.queries.views.pipelines import BoardRow
from domain.runs.status import Status

_BY_URGENCY: Final = (Status.FAILED, Status.LOST, Status.WAITING, Status.RUNNING, Status.QUEUED, Status.CANCELLED, Status.COMPLETED)


class BoardOrder(StrEnum):
    """An order, as the URL names it. Rows that are equal in it come by name."""

    NAME = ""
    FAILURES = "failures"
    LAST_RUN = "last-run"
    NEXT_RUN = "next-run"


ORDER_WORDS: Final = {
    BoardOrder.NAME: "Name",
    BoardOrder.FAILURES: "Failures first",
    BoardOrder.LAST_RUN: "Last run",
    BoardOrder.NEXT_RUN: "Next run",
}


def parse_board_order(text: str) -> BoardOrder:
    """Return the order with this name; the order by name for an unknown one."""
    return BoardOrder(text) if text in list(BoardOrder) else BoardOrder.NAME


def sort_rows(rows: Sequence[BoardRow], order: BoardOrder) -> Sequence[BoardRow]:
    """Return rows that come by name in another order."""
    key = _KEYS.get(order)
    return rows if key is None else sorted(rows, key=key)


def _get_urgency(row: BoardRow) -> int:
    status = row.pipeline.status
    return _BY_URGENCY.index(status) if status in _BY_URGENCY else len(_BY_URGENCY)


def _get_last_run_place(row: BoardRow) -> tuple[bool, float]:
    latest = row.pipeline.latest
    return (latest is None, -latest.created_at.timestamp() if latest else 0.0)


def _get_next_run_place(row: BoardRow) -> tuple[bool, float]:
    at = None if row.pipeline.activation.paused_at else row.next_run_at
    return (at is None, at.timestamp() if at else 0.0)


_KEYS: Final[dict[BoardOrder, Callable[[BoardRow], Any]]] = {
    BoardOrder.FAILURES: _get_urgency,
    BoardOrder.LAST_RUN: _get_last_run_place,
    BoardOrder.NEXT_RUN: _get_next_run_place,
}
