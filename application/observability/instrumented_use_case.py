"""What every use case is wrapped in when telemetry is on: a span, its duration, its errors by kind. The use cases know nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from application.observability.metrics import Metric
from application.ports.telemetry.telemetry import Span, Telemetry
from domain.errors import Conflict, HeadgateError, Unavailable

Arguments = tuple[Any, ...]
BeforeCall = Callable[[Span, Arguments], Arguments]
"""Tags the span by what the use case is called with, and may hand it something on."""
AfterCall = Callable[[Span, Telemetry, Any], None]
"""Tells of the result."""


def instrument_use_case(
    telemetry: Telemetry, use_case: Any, before: BeforeCall | None = None, after: AfterCall | None = None, name: str | None = None
) -> Any:
    """The use case with eyes on it, by its own name or another; the very same object when telemetry is off."""
    return InstrumentedUseCase(telemetry, use_case, before, after, name or type(use_case).__name__) if telemetry.is_on else use_case


class InstrumentedUseCase:
    """Called like the use case it wraps, and answers and raises what that does.

    A refusal in the domain's words is the use case doing its work: it is counted, and its span is not an error.
    """

    def __init__(self, telemetry: Telemetry, use_case: Any, before: BeforeCall | None, after: AfterCall | None, name: str) -> None:
        self._telemetry, self._use_case, self._before, self._after = telemetry, use_case, before, after
        self._name = name

    async def __call__(self, *args: Any) -> Any:
        began = perf_counter()
        try:
            with self._telemetry.span("headgate.use_case", self._name) as span:
                result, refusal = await self._call(span, args)
        except Exception as error:
            self._count(error)
            raise
        finally:
            self._telemetry.distribution(Metric.USE_CASE_DURATION, perf_counter() - began, use_case=self._name)
        if refusal is not None:
            self._count(refusal)
            raise refusal
        return result

    async def _call(self, span: Span, args: Arguments) -> tuple[Any, HeadgateError | None]:
        try:
            result = await self._use_case(*(self._before(span, args) if self._before else args))
        except Unavailable:
            raise
        except HeadgateError as refusal:
            span.tag(refused=get_error_kind(refusal))
            return None, refusal
        if self._after is not None:
            self._after(span, self._telemetry, result)
        return result, None

    def _count(self, error: Exception) -> None:
        self._telemetry.count(Metric.USE_CASE_ERRORS, use_case=self._name, kind=get_error_kind(error))


def get_error_kind(error: Exception) -> str:
    """One of few: the class, or the stable kind a conflict has."""
    return error.kind if isinstance(error, Conflict) else type(error).__name__
