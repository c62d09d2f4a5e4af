"""Explanations of days, as tests read them."""

from __future__ import annotations

from datetime import date

from application.queries.explain_day.entries import DayEntry
from tests.support.in_process import InProcessHeadgate

TODAY = date(2026, 3, 2)
"""The day on which the fake clock starts."""


async def list_entries(headgate: InProcessHeadgate, name: str = "nightly", day: date = TODAY) -> list[DayEntry]:
    pipeline = await headgate.fakes.reader.pipeline(name)
    assert pipeline is not None
    return list((await headgate.application.explain_day()(pipeline, day)).entries)


async def list_sentences(headgate: InProcessHeadgate, name: str = "nightly", day: date = TODAY) -> list[str]:
    return [entry.sentence for entry in await list_entries(headgate, name, day)]
