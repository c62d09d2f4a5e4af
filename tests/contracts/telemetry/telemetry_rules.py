"""What any telemetry promises, as programs over one: run here for those that keep to themselves, in a process of its own
(`python -m tests.contracts.telemetry.telemetry_rules PROCESS`) for the one that patches what it is imported into. Prints a JSON object of what
went wrong, by rule.
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
ABOVE: TraceContext = {"traceparent": f"00-{7:032x}-{9:016x}-01"}
GARBLED: tuple[TraceContext, ...] = (
    {"traceparent": "not a context"},
    {"traceparent": ""},
    {"traceparent": "00-zz-11-01"},
    {"traceparent": f"00-{0:032x}-{0:016x}-00"},
    {"tracestate": "only=this"},
)
ODD = ("", "x" * 100_000, "a\x00b", "‮reversed", "line\nline", "\ud800")


def what_leaves_the_block_leaves_it_unchanged(telemetry: Telemetry) -> None:
    for text in ("mine", *ODD):
        error = ValueError(text)
        try:
            with telemetry.span("headgate.use_case", "Rule"):
                raise error
        except ValueError as raised:
            assert raised is error, raised
        else:
            raise AssertionError("it was swallowed")
        assert telemetry.context() == {}


def the_span_of_the_block_is_current_and_only_there(telemetry: Telemetry) -> None:
    assert telemetry.context() == {}
    with telemetry.span("headgate.use_case", "Outer") as outer:
        with telemetry.span("headgate.use_case", "Inner") as inner:
            assert telemetry.context() == inner.context
            assert get_trace_id(inner.context) == get_trace_id(outer.context)
        assert telemetry.context() == outer.context
    assert telemetry.context() == {}


def a_parent_given_counts_more_than_the_current_span(telemetry: Telemetry) -> None:
    with telemetry.span("headgate.use_case", "Current"), telemetry.span("headgate.dispatch", "nightly", parent=ABOVE) as span:
        assert get_trace_id(span.context) in (None, get_trace_id(ABOVE))


def no_parent_begins_a_trace(telemetry: Telemetry) -> None:
    with (
        telemetry.span("headgate.use_case", "Current") as current,
        telemetry.span("headgate.dispatch", "nightly", parent=NO_PARENT) as span,
    ):
        assert span.context == {} or get_trace_id(span.context) != get_trace_id(current.context)


def spans_of_the_block_belong_within_a_context_and_an_empty_one_changes_nothing(telemetry: Telemetry) -> None:
    with telemetry.use_context(ABOVE), telemetry.span("headgate.use_case", "Below") as span:
        assert get_trace_id(span.context) in (None, get_trace_id(ABOVE))
    with telemetry.span("headgate.use_case", "Current") as current, telemetry.use_context({}):
        assert telemetry.context() == current.context


def a_context_that_is_none_is_as_good_as_no_parent(telemetry: Telemetry) -> None:
    for garbled in GARBLED:
        with telemetry.span("headgate.use_case", "Rule", parent=garbled, links=[garbled]) as span:
            assert span.context == {} or get_trace_id(span.context), garbled
        with telemetry.use_context(garbled), telemetry.span("headgate.use_case", "Rule"):
            pass


def nothing_that_is_told_is_refused(telemetry: Telemetry) -> None:
    for text in ODD:
        with telemetry.span("headgate.use_case", "Rule", links=[ABOVE], pipeline=text, run=None) as span:
            span.tag(stage=text, attempt=1, late=True, share=0.5, nothing=None)
            span.fail("failed", text, text)
        telemetry.count(Metric.USE_CASE_ERRORS, use_case=text, kind=None)
    for value in (0.0, -1.0, 1e308, float("nan"), float("inf")):
        telemetry.distribution(Metric.USE_CASE_DURATION, value, use_case="Rule")
        telemetry.gauge(Metric.OUTBOX_DEPTH, value)
    telemetry.drop_current_trace()


def a_log_line_bears_the_ids_of_the_current_span(telemetry: Telemetry) -> None:
    assert telemetry.log_context() == {}
    with telemetry.span("headgate.use_case", "Rule") as span:
        found = telemetry.log_context()
        assert found.get("dd.trace_id") == get_trace_id(span.context)
        assert set(found) <= {"dd.trace_id", "dd.span_id"}


async def tasks_do_not_mix_their_spans(telemetry: Telemetry) -> None:
    async def one(number: int) -> None:
        with telemetry.span("headgate.use_case", f"Task{number}", parent=NO_PARENT) as span:
            for _ in range(3):
                await asyncio.sleep(0)
                assert telemetry.context() == span.context

    await asyncio.gather(*map(one, range(8)))
    assert telemetry.context() == {}


def what_is_still_here_is_given_up_in_time(telemetry: Telemetry) -> None:
    telemetry.flush(0.1)


RULES: tuple[Rule, ...] = (
    what_leaves_the_block_leaves_it_unchanged,
    the_span_of_the_block_is_current_and_only_there,
    a_parent_given_counts_more_than_the_current_span,
    no_parent_begins_a_trace,
    spans_of_the_block_belong_within_a_context_and_an_empty_one_changes_nothing,
    a_context_that_is_none_is_as_good_as_no_parent,
    nothing_that_is_told_is_refused,
    a_log_line_bears_the_ids_of_the_current_span,
    tasks_do_not_mix_their_spans,
    what_is_still_here_is_given_up_in_time,
)


def broken(telemetry: Telemetry) -> dict[str, str]:
    """Each rule that does not hold, with where."""
    found = {}
    for rule in RULES:
        try:
            done = rule(telemetry)
            if inspect.iscoroutine(done):
                asyncio.run(done)
        except Exception:
            found[rule.__name__] = traceback.format_exc()
    return found


if __name__ == "__main__":
    from adapters.telemetry.setup import start_telemetry

    begun = start_telemetry(sys.argv[1], "auto")
    print(json.dumps({"is": type(begun).__name__, "broken": broken(begun)}))
