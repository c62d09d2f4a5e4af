"""The rules that every implementation of the telemetry port follows.

Datadog's implementation patches libraries, so it is tested in a process of its own: `python -m tests.contracts.telemetry.telemetry_rules
PROCESS` prints the broken rules as a JSON object.
"""

import asyncio
import inspect
import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

from application.observability.metrics import Metric
from application.ports.telemetry.telemetry import NO_PARENT, Telemetry, TraceContext, get_trace_id

Rule = Callable[[Telemetry], Any]
PARENT: TraceContext = {"traceparent": f"00-{7:032x}-{9:016x}-01"}
INVALID_CONTEXTS: tuple[TraceContext, ...] = (
    {"traceparent": "not a context"},
    {"traceparent": ""},
    {"traceparent": "00-zz-11-01"},
    {"traceparent": f"00-{0:032x}-{0:016x}-00"},
    {"tracestate": "only=this"},
)
UNUSUAL_TEXTS = ("", "x" * 100_000, "a\x00b", "‮reversed", "line\nline", "\ud800")


def exceptions_leave_the_block_unchanged(telemetry: Telemetry) -> None:
    for text in ("mine", *UNUSUAL_TEXTS):
        error = ValueError(text)
        try:
            with telemetry.span("headgate.use_case", "Rule"):
                raise error
        except ValueError as raised:
            assert raised is error, raised
        else:
            raise AssertionError("the exception was swallowed")
        assert telemetry.context() == {}


def the_span_is_current_only_in_its_block(telemetry: Telemetry) -> None:
    assert telemetry.context() == {}
    with telemetry.span("headgate.use_case", "Outer") as outer:
        with telemetry.span("headgate.use_case", "Inner") as inner:
            assert telemetry.context() == inner.context
            assert get_trace_id(inner.context) == get_trace_id(outer.context)
        assert telemetry.context() == outer.context
    assert telemetry.context() == {}


def a_given_parent_replaces_the_current_span(telemetry: Telemetry) -> None:
    with telemetry.span("headgate.use_case", "Current"), telemetry.span("headgate.dispatch", "nightly", parent=PARENT) as span:
        assert get_trace_id(span.context) in (None, get_trace_id(PARENT))


def no_parent_starts_a_new_trace(telemetry: Telemetry) -> None:
    with (
        telemetry.span("headgate.use_case", "Current") as current,
        telemetry.span("headgate.dispatch", "nightly", parent=NO_PARENT) as span,
    ):
        assert span.context == {} or get_trace_id(span.context) != get_trace_id(current.context)


def use_context_sets_the_parent_unless_it_is_empty(telemetry: Telemetry) -> None:
    with telemetry.use_context(PARENT), telemetry.span("headgate.use_case", "Below") as span:
        assert get_trace_id(span.context) in (None, get_trace_id(PARENT))
    with telemetry.span("headgate.use_case", "Current") as current, telemetry.use_context({}):
        assert telemetry.context() == current.context


def an_invalid_context_counts_as_no_parent(telemetry: Telemetry) -> None:
    for invalid in INVALID_CONTEXTS:
        with telemetry.span("headgate.use_case", "Rule", parent=invalid, links=[invalid]) as span:
            assert span.context == {} or get_trace_id(span.context), invalid
        with telemetry.use_context(invalid), telemetry.span("headgate.use_case", "Rule"):
            pass


def every_value_is_accepted(telemetry: Telemetry) -> None:
    for text in UNUSUAL_TEXTS:
        with telemetry.span("headgate.use_case", "Rule", links=[PARENT], pipeline=text, run=None) as span:
            span.tag(stage=text, attempt=1, late=True, share=0.5, nothing=None)
            span.fail("failed", text, text)
        telemetry.count(Metric.USE_CASE_ERRORS, use_case=text, kind=None)
    for value in (0.0, -1.0, 1e308, float("nan"), float("inf")):
        telemetry.distribution(Metric.USE_CASE_DURATION, value, use_case="Rule")
        telemetry.gauge(Metric.OUTBOX_DEPTH, value)
    telemetry.drop_current_trace()


def log_lines_have_the_ids_of_the_current_span(telemetry: Telemetry) -> None:
    assert telemetry.log_context() == {}
    with telemetry.span("headgate.use_case", "Rule") as span:
        context = telemetry.log_context()
        assert context.get("dd.trace_id") == get_trace_id(span.context)
        assert set(context) <= {"dd.trace_id", "dd.span_id"}


async def tasks_keep_their_spans_apart(telemetry: Telemetry) -> None:
    async def one(number: int) -> None:
        with telemetry.span("headgate.use_case", f"Task{number}", parent=NO_PARENT) as span:
            for _ in range(3):
                await asyncio.sleep(0)
                assert telemetry.context() == span.context

    await asyncio.gather(*map(one, range(8)))
    assert telemetry.context() == {}


def flush_returns_in_time(telemetry: Telemetry) -> None:
    telemetry.flush(0.1)


RULES: tuple[Rule, ...] = (
    exceptions_leave_the_block_unchanged,
    the_span_is_current_only_in_its_block,
    a_given_parent_replaces_the_current_span,
    no_parent_starts_a_new_trace,
    use_context_sets_the_parent_unless_it_is_empty,
    an_invalid_context_counts_as_no_parent,
    every_value_is_accepted,
    log_lines_have_the_ids_of_the_current_span,
    tasks_keep_their_spans_apart,
    flush_returns_in_time,
)


def find_broken_rules(telemetry: Telemetry) -> dict[str, str]:
    """Return the traceback of each rule that fails, by name."""
    failures = {}
    for rule in RULES:
        try:
            result = rule(telemetry)
            if inspect.iscoroutine(result):
                asyncio.run(result)
        except Exception:
            failures[rule.__name__] = traceback.format_exc()
    return failures


if __name__ == "__main__":
    from adapters.telemetry.setup import start_telemetry

    telemetry = start_telemetry(sys.argv[1], "auto")
    print(json.dumps({"is": type(telemetry).__name__, "broken": find_broken_rules(telemetry)}))
