"""Receipts of reports that carried an event id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Receipt:
    """The stored answer to a report that had an event id. `digest` is the hash of the canonical item."""

    digest: bytes
    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReceiptKey:
    """An event id, unique per run and reporter; `reporter` is '' when nobody is named."""

    run_id: int
    reporter: str
    event_id: str


class Receipts(Protocol):
    """Which event ids were answered, and each reporter's highest seq. Lists, so that a batch costs what one report costs."""

    async def find(self, keys: Sequence[ReceiptKey]) -> Mapping[ReceiptKey, Receipt]:
        """The stored answers of those keys that have one."""
        ...

    async def add(self, receipts: Mapping[ReceiptKey, Receipt], now: datetime) -> None: ...

    async def last_seqs(self, reporters: Sequence[tuple[int, str]]) -> Mapping[tuple[int, str], int]:
        """The highest seq per (run id, reporter), for those that gave one."""
        ...

    async def set_last_seqs(self, seqs: Mapping[tuple[int, str], int]) -> None:
        """Remember the highest seqs: a lower one than stored changes nothing."""
        ...
