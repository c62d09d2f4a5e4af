"""Wraps a use case in a span, and measures its duration and errors."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from application.observability.metrics import Metric
from application.ports.telemetry.telemetry import Span, Telemetry
from domain.errors import Conflict, HeadgateError, Unavailable

Arguments = tuple[Any, ...]
BeforeCall = Callable[[Span, Arguments], Arguments]
"""Tags the span with the use case's positional arguments. Returns those to call it with."""
AfterCall = Callable[[Span, Telemetry, Any], None]
"""Tags the span with the result, or sends metrics of it."""


def instrument_use_case(
    telemetry: Telemetry, use_case: Any, before: BeforeCall | None = None, after: AfterCall | None = None, name: str | None = None
) -> Any:
    """Return the instrumented use case, named after its class unless `name` is given; the use case itself if telemetry is off."""
    return InstrumentedUseCase(telemetry, use_case, before, after, name or type(use_case).__name__) if telemetry.is_on else use_case


class InstrumentedUseCase:
    """Has the interface of the use case that it wraps.

    A domain error is counted, but does not mark the span as an error: the use case refused the request as it should. Unavailable does.
    """

    def __init__(self, telemetry: Telemetry, use_case: Any, before: BeforeCall | None, after: AfterCall | None, name: str) -> None:
        self._telemetry, self._use_case, self._before, self._after = telemetry, use_case, before, after
        self.name = name

    async def __call__(self, *args: Any, **options: Any) -> Any:
        start = perf_counter()
        try:
            with self._telemetry.span("headgate.use_case", self.name) as span:
                result, refusal = await self._call(span, args, options)
        except Exception as error:
            self._count_error(error)
            raise
        finally:
            self._telemetry.distribution(Metric.USE_CASE_DURATION, perf_counter() - start, use_case=self.name)
        if refusal is not None:
            self._count_error(refusal)
            raise refusal
        return result

    async def _call(self, span: Span, args: Arguments, options: dict[str, Any]) -> tuple[Any, HeadgateError | None]:
        """Return the result, or the domain error that refused the request."""
        try:
            result = await self._use_case(*(self._before(span, args) if self._before else args), **options)
        except Unavailable:
            raise
        except HeadgateError as refusal:
            span.tag(refused=get_error_kind(refusal))
            return None, refusal
        if self._after is not None:
            self._after(span, self._telemetry, result)
        return result, None

    def _count_error(self, error: Exception) -> None:
        self._telemetry.count(Metric.USE_CASE_ERRORS, use_case=self.name, kind=get_error_kind(error))


def get_error_kind(error: Exception) -> str:
    """Return the kind of a conflict, or the class name of another error."""
    return error.kind if isinstance(error, Conflict) else type(error).__name__
