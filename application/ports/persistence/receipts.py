"""Receipts of reports that carried an event id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Receipt:
    """The stored answer to a report with an event id. `digest` is the hash of the canonical report."""

    digest: bytes
    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReceiptKey:
    """An event id, unique per run and reporter. `reporter` is empty for anonymous reporters."""

    run_id: int
    reporter: str
    event_id: str


class Receipts(Protocol):
    """The receipts of reports, and each reporter's highest `seq`. All methods take lists, so that a batch costs as much as one report."""

    async def find(self, keys: Sequence[ReceiptKey]) -> Mapping[ReceiptKey, Receipt]:
        """Return the receipts that exist."""
        ...

    async def add(self, receipts: Mapping[ReceiptKey, Receipt], now: datetime) -> None: ...

    async def last_seqs(self, reporters: Sequence[tuple[int, str]]) -> Mapping[tuple[int, str], int]:
        """Return the highest `seq` of each (run id, reporter) that has one."""
        ...

    async def set_last_seqs(self, seqs: Mapping[tuple[int, str], int]) -> None:
        """Store each `seq` unless a higher one is stored."""
        ...
