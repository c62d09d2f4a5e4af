"""The database's clock, in SQL expressions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func

NOW: ColumnElement[Any] = func.clock_timestamp()
"""The time at which the expression is evaluated, not the start of the transaction."""


def seconds_ago(seconds: float | ColumnElement[float]) -> ColumnElement[Any]:
    return NOW - _to_interval(seconds)


def seconds_from_now(seconds: float | ColumnElement[float]) -> ColumnElement[Any]:
    return NOW + _to_interval(seconds)


def _to_interval(seconds: float | ColumnElement[float]) -> ColumnElement[Any]:
    return func.make_interval(0, 0, 0, 0, 0, 0, seconds)
