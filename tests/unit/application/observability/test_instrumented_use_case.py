"""The spans and metrics of use cases, and of what they commit."""

import importlib
import pkgutil
from datetime import timedelta

import pytest
from dependency_injector import providers

from application import commands
from application.commands.reports.report_results import ReportResult
from application.commands.runs.run_opener import TriggerCommand
from application.observability.instrumented_unit_of_work import instrument_unit_of_work
from application.observability.instrumented_use_case import instrument_use_case
from application.observability.metrics import TAGS, Metric
from application.observability.use_case_hooks import get_verdict
from application.ports.queries.health_metrics import HealthMetrics, LimitMetrics, PoolMetrics
from application.ports.telemetry.telemetry import get_trace_id
from application.services.feed.event_hub import EventHub
from application.services.maintenance.metrics_collector import MetricsCollector
from domain.backfills.request import BackfillRequest
from domain.errors import NotFound, Unavailable
from domain.reports.report import ReportOutcome
from tests.fakes.adapters import FakeAdapters
from tests.fakes.system.clock import START
from tests.support.actions import worker_report
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate
from tests.support.stored_alerts import add_channel


def create_observed() -> tuple[InProcessHeadgate, FakeAdapters]:
    """Return a Headgate whose container has telemetry and whose store sends metrics of what is committed."""
    fakes = FakeAdapters()
    headgate = InProcessHeadgate(fakes=fakes)
    store = instrument_unit_of_work(fakes.telemetry, fakes.clock, fakes.open_unit_of_work)
    headgate.application.adapters.open_unit_of_work.override(providers.Object(store))
    headgate.application.telemetry.override(providers.Object(fakes.telemetry))
    return headgate, fakes


NESTED = {"ApplyRunAction", "ChangeActivation", "ChangeBackfill", "ChangeIncident", "ChangePause", "OpenSession"}
"""Use cases that others call, within their spans."""


def test_every_use_case_is_instrumented() -> None:
    """The container instruments every callable class of the commands."""
    headgate = InProcessHeadgate()
    headgate.application.telemetry.override(providers.Object(FakeAdapters().telemetry))
    defined = {
        name
        for module in pkgutil.walk_packages(commands.__path__, f"{commands.__name__}.")
        for name, member in vars(importlib.import_module(module.name)).items()
        if isinstance(member, type) and member.__module__.startswith(commands.__name__) and "__call__" in vars(member)
    }

    instrumented = [each for each in headgate.application.providers.values() if getattr(each, "provides", None) is instrument_use_case]
    names = {provider().name for provider in instrumented}

    assert defined - NESTED == names
    assert defined >= NESTED, "NESTED names only existing use cases"


async def test_a_use_case_gets_its_positional_and_its_named_arguments() -> None:
    async def use_case(*args: int, **options: bool) -> tuple[tuple[int, ...], dict[str, bool]]:
        return args, options

    instrumented = instrument_use_case(FakeAdapters().telemetry, use_case, name="Any")

    assert await instrumented(1, 2, is_last=True) == ((1, 2), {"is_last": True})


async def test_a_run_sends_metrics_from_its_trigger_to_its_end() -> None:
    headgate, fakes = create_observed()
    await headgate.use_cases.create_pipeline(stages=2)
    run = await headgate.use_cases.trigger()
    await headgate.use_cases.claim(run.run_id)
    fakes.clock.advance(3)
    await headgate.use_cases.advance(run.run_id, ("a", "completed"))
    fakes.clock.advance(4)
    await headgate.use_cases.advance(run.run_id, ("b", "failed"))

    of = fakes.telemetry.of
    assert of(Metric.RUNS_OPENED) == [(1, {"pipeline": "nightly", "trigger": "api"})]
    assert of(Metric.RUN_START_LATENCY) == [(0.0, {"pipeline": "nightly"})]
    assert [(tags["stage"], tags["status"]) for _, tags in of(Metric.STAGES_FINISHED)] == [("a", "completed"), ("b", "failed")]
    assert [seconds for seconds, _ in of(Metric.STAGE_DURATION)] == [3.0, 4.0]
    assert of(Metric.RUNS_FINISHED) == [(1, {"pipeline": "nightly", "status": "failed"})]
    assert of(Metric.RUN_DURATION) == [(7.0, {"pipeline": "nightly", "status": "failed"})]
    assert [tags for _, tags in of(Metric.STATUS_UPDATES)] == [{"verdict": "applied"}] * 2


async def test_a_run_stores_the_trace_of_its_trigger() -> None:
    headgate, fakes = create_observed()
    await headgate.use_cases.create_pipeline()

    run = await headgate.use_cases.trigger()

    (span,) = [span for span in fakes.telemetry.spans if span.resource == "TriggerPipeline"]
    assert (await headgate.use_cases.get_run(run.run_id)).trace == span.context
    assert get_trace_id(span.context) == f"{span.trace:032x}"
    assert span.tags == {"pipeline": "nightly", "run": run.run_id}


async def test_without_a_commit_no_metric_is_sent() -> None:
    headgate, fakes = create_observed()
    await headgate.use_cases.create_pipeline()
    await headgate.use_cases.trigger()
    fakes.telemetry.recorded.clear()

    async with headgate.application.adapters.open_unit_of_work()() as work:
        run = (await work.runs.lock([1]))[1]
        run.cancel(fakes.clock.now(), None)
        await work.runs.save(run)

    assert fakes.telemetry.recorded == []


async def test_a_domain_error_is_counted_but_its_span_is_no_error() -> None:
    headgate, fakes = create_observed()

    with pytest.raises(NotFound):
        await headgate.application.trigger_pipeline()(TriggerCommand("nothing"))

    assert fakes.telemetry.of(Metric.USE_CASE_ERRORS) == [(1, {"use_case": "TriggerPipeline", "kind": "NotFound"})]
    (span,) = fakes.telemetry.spans
    assert span.error is None
    assert "refused" in span.tags


async def test_an_outage_is_an_error() -> None:
    headgate, fakes = create_observed()
    fakes.store.is_down = True

    with pytest.raises(Unavailable):
        await headgate.use_cases.trigger()

    assert fakes.telemetry.spans[-1].error == ("Unavailable", "The database does not respond.", "")
    assert [tags["kind"] for _, tags in fakes.telemetry.of(Metric.USE_CASE_ERRORS)] == ["Unavailable"]


async def test_health_metrics_are_sent_as_gauges() -> None:
    fakes = FakeAdapters()
    limits, pools = [LimitMetrics("group:warehouse", 4, 7)], [PoolMetrics("headgate", 2, 8, 3)]
    fakes.health_metrics.signs = HealthMetrics(4, 12.5, 1, 2, pools, limits=limits, followed_flow_runs=6, flow_run_age=9.5)
    hub = EventHub()

    with hub.subscribe():
        await MetricsCollector(fakes.health_metrics, hub, fakes.telemetry).run_once()

    gauges = {metric: value for metric, value, _ in fakes.telemetry.recorded}
    assert (gauges[Metric.OUTBOX_DEPTH], gauges[Metric.OUTBOX_AGE], gauges[Metric.RUNS_LATE]) == (4, 12.5, 2)
    assert (gauges[Metric.WORKERS], gauges[Metric.WORKER_SLOTS], gauges[Metric.WORKER_SLOTS_FREE]) == (2, 8, 3)
    assert (gauges[Metric.SLOTS_HELD], gauges[Metric.SLOTS_WAITING]) == (4, 7)
    assert (gauges[Metric.FLOW_RUNS_FOLLOWED], gauges[Metric.FLOW_RUNS_AGE]) == (6, 9.5)
    assert (gauges[Metric.SSE_VIEWERS], gauges[Metric.SSE_LAG], gauges[Metric.DB_POOL_IN_USE]) == (1, 0, 3)


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (ReportResult(ReportOutcome.APPLIED), "applied"),
        (ReportResult(ReportOutcome.IGNORED, "old"), "ignored"),
        (ReportResult(ReportOutcome.REFUSED, problem="not_yours"), "not_yours"),
    ],
)
def test_each_result_has_a_verdict(result: ReportResult, verdict: str) -> None:
    assert get_verdict(result) == verdict


REQUEST_METRICS = {Metric.REQUESTS, Metric.REQUEST_DURATION, Metric.REQUEST_ERRORS}


async def request_flow_runs(headgate: InProcessHeadgate) -> None:
    """Start a stage that Prefect accepts, and one that it refuses."""
    names = ("train", "other")
    for name in names:
        headgate.fakes.deployments.add(f"ml/{name}")
    stages = [a_stage(name, "prefect", needs=[], deployment=f"ml/{name}") for name in names]
    await headgate.use_cases.create_pipeline(stages, name="prefect")
    await headgate.use_cases.trigger("prefect")
    headgate.fakes.deployments.remove("ml/other")
    await headgate.application.flow_run_submitter().run_once()


async def test_every_metric_is_sent_with_all_its_tags() -> None:
    """A run in a Prefect pool, a tick, a domain error and the health metrics send every metric that dashboards use."""
    headgate, fakes = create_observed()
    await headgate.use_cases.create_pipeline(1, pool="processes")
    run = await headgate.use_cases.trigger()
    fakes.clock.advance(2)
    await headgate.application.outbox_relay().run_once()
    await headgate.use_cases.claim(run.run_id)
    fakes.clock.advance(3)
    await headgate.use_cases.advance(run.run_id, worker_report(run.run_id, "a", "completed", records_processed=7))
    with pytest.raises(NotFound):
        await headgate.application.trigger_pipeline()(TriggerCommand("nothing"))
    limits = [LimitMetrics("group:warehouse", 4, 7)]
    fakes.health_metrics.signs = HealthMetrics(4, 12.5, 1, 2, [PoolMetrics("processes", 2, 8, 3)], limits=limits)
    await headgate.use_cases.create_pipeline(1, name="limited", pool="processes", concurrency=[{"limit": 1}])
    first = await headgate.use_cases.trigger("limited")
    await headgate.use_cases.trigger("limited")
    await headgate.application.cancel_run()(first.run_id)
    fakes.clock.advance(4)
    await headgate.application.grant_service().run_once()
    await headgate.use_cases.create_pipeline(1, name="hourly", schedules=[{"name": "main", "every": "1h"}])
    fakes.clock.set(START + timedelta(hours=1, seconds=3))
    await headgate.application.tick_service().run_once()
    await headgate.application.start_backfill()("hourly", BackfillRequest("2026-03-01T08:00", "2026-03-01T09:00", parallel=2))
    await headgate.application.backfill_service().run_once()
    await MetricsCollector(fakes.health_metrics, EventHub(), fakes.telemetry).run_once()
    await fail_with_an_alert(headgate)
    await request_flow_runs(headgate)

    of = fakes.telemetry.of
    assert {metric for metric, _, _ in fakes.telemetry.recorded} == set(Metric) - REQUEST_METRICS
    assert [(metric, tags) for metric, _, tags in fakes.telemetry.recorded if set(tags) != set(TAGS[metric])] == []
    assert of(Metric.RELAY_LATENCY) == [(2.0, {"pool": "processes"})]
    assert of(Metric.SLOT_GRANT_WAIT) == [(4.0, {"pipeline": "limited"})]
    assert of(Metric.STAGE_QUEUE_WAIT) == [(2.0, {"pipeline": "nightly", "stage": "a"}), (0.0, {"pipeline": "watched", "stage": "a"})]
    assert of(Metric.RUN_START_LATENCY) == [(2.0, {"pipeline": "nightly"}), (0.0, {"pipeline": "watched"})]
    assert of(Metric.RECORDS) == [(7, {"pipeline": "nightly", "stage": "a"})]
    assert of(Metric.TICKS) == [(1, {"state": "fired"})]
    assert of(Metric.TICK_LAG) == [(3.0, {"state": "fired"})]
    assert of(Metric.BACKFILL_TICKS) == [(2, {"state": "running"})]
    assert of(Metric.RUNS_WAITING) == [(1, {})]
    assert of(Metric.DELIVERIES) == [(1, {"channel_kind": "webhook", "outcome": "sent"})]
    assert of(Metric.DB_POOL_SIZE) == [(10, {})]


async def fail_with_an_alert(headgate: InProcessHeadgate) -> None:
    """Let a run fail whose pipeline reports that, judge it and send the message."""
    await add_channel(headgate.fakes.open_unit_of_work)
    await headgate.application.alert_judge().run_once()
    await headgate.use_cases.create_pipeline(1, name="watched", alerts=[{"on": ["failed"], "to": ["team"]}])
    run = await headgate.use_cases.trigger("watched")
    await headgate.use_cases.claim(run.run_id)
    await headgate.use_cases.advance(run.run_id, ("a", "failed"))
    await headgate.application.alert_judge().run_once()
    await headgate.application.delivery_service().run_once()


def test_every_metric_declares_its_tags() -> None:
    assert set(TAGS) == set(Metric)
    assert not any({"run", "run_id", "trace_id", "event_id"} & set(tags) for tags in TAGS.values())


async def test_a_relay_span_belongs_to_the_trigger_and_has_the_error_of_prefect() -> None:
    headgate, fakes = create_observed()
    await headgate.use_cases.create_pipeline(1, pool="processes")
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.application.outbox_relay().run_once()
    fakes.orchestrator.refused = {"nightly#2"}
    await headgate.use_cases.trigger()
    await headgate.application.outbox_relay().run_once()

    spans = fakes.telemetry.spans
    triggers = [span for span in spans if span.resource == "TriggerPipeline"]
    relayed = [span for span in spans if span.name == "headgate.relay"]

    assert [(span.resource, span.parent, span.is_finished) for span in relayed] == [("processes", span.context, True) for span in triggers]
    assert relayed[0].tags == {"pipeline": "nightly", "run": run_id, "dispatch": 1}
    assert (relayed[0].error, relayed[1].error) == (None, ("refused", "Prefect answered 422: nightly#2 is not accepted.", ""))
