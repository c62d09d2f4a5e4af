"""Grants have a span of their own, which is linked to the traces of their runs."""

from application.observability.grant_tracer import SPAN_NAME
from tests.support.in_process import InProcessHeadgate


async def test_the_span_of_a_grant_is_linked_to_the_trace_of_its_run() -> None:
    headgate = InProcessHeadgate(is_observed=True)
    await headgate.use_cases.create_pipeline(1, concurrency=[{"limit": 1}])
    first, second = [(await headgate.use_cases.trigger()).run_id for _ in range(2)]
    await headgate.application.cancel_run()(first)

    await headgate.application.grant_service().run_once()

    (span,) = [span for span in headgate.fakes.telemetry.spans if span.name == SPAN_NAME]
    trace = headgate.fakes.store.committed.runs[second].trace
    assert trace
    assert (span.parent, span.links) == ({}, [trace])
