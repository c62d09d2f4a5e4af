"""Derives metrics from the events of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from application.observability.metrics import Metric
from application.ports.telemetry.telemetry import Telemetry
from domain.concurrency.slots import SlotState
from domain.runs.active_time import get_active_seconds
from domain.runs.events import Event, EventType
from domain.runs.run import Run
from domain.runs.status import Status

PendingMetric = Callable[[], None]
"""Sends a metric. Call it after the commit."""


class RunMetrics:
    """Counts and times runs and stages."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def collect(self, run: Run, events: Sequence[Event]) -> list[PendingMetric]:
        """Return the metrics of the run's new events. Their values are read now, because the run may change before the commit."""
        metrics: list[PendingMetric] = []
        for event in events:
            if event.type is EventType.RUN_OPENED:
                metrics.append(self._count(Metric.RUNS_OPENED, 1, pipeline=run.definition.name, trigger=run.trigger.kind))
            elif event.type in (EventType.RUN_GRANTED, EventType.STAGE_GRANTED):
                metrics.append(self._measure(Metric.SLOT_GRANT_WAIT, event.data["waited"], pipeline=run.definition.name))
            elif event.type is EventType.RUN_MOVED and event.status is not None:
                metrics += self._collect_run_move(run, event.status)
            elif event.type is EventType.STAGE_MOVED and event.stage is not None and event.attempt is not None:
                metrics += self._collect_stage_move(run, event, event.stage, event.attempt)
        return metrics

    def _collect_run_move(self, run: Run, status: Status) -> list[PendingMetric]:
        if not status.is_terminal or run.finished_at is None:
            return []
        tags = {"pipeline": run.definition.name, "status": status.value}
        active = get_active_seconds(run, run.finished_at)
        duration = active if active is not None else elapsed_seconds(run.created_at, run.finished_at)
        return [self._count(Metric.RUNS_FINISHED, 1, **tags), self._measure(Metric.RUN_DURATION, duration, **tags)]

    def _collect_stage_move(self, run: Run, event: Event, stage: str, attempt_number: int) -> list[PendingMetric]:
        attempt = run.stages[stage].get_attempt(attempt_number)
        tags = {"pipeline": run.definition.name, "stage": stage}
        if event.status is Status.RUNNING:
            started_at = attempt.started_at or event.at
            metrics = [self._measure(Metric.STAGE_QUEUE_WAIT, elapsed_seconds(attempt.queued_at or started_at, started_at), **tags)]
            if run.started_at == started_at:
                # The wait for a slot of a concurrency limit has a metric of its own.
                begin = run.created_at if run.slot_state is SlotState.NONE else attempt.queued_at or run.created_at
                latency = elapsed_seconds(begin, started_at)
                metrics.append(self._measure(Metric.RUN_START_LATENCY, latency, pipeline=run.definition.name))
            return metrics
        if event.status is None or not event.status.is_terminal:
            return []
        metrics = [self._count(Metric.STAGES_FINISHED, 1, **tags, status=event.status.value)]
        if attempt.started_at is not None and attempt.finished_at is not None:
            duration = elapsed_seconds(attempt.started_at, attempt.finished_at)
            metrics.append(self._measure(Metric.STAGE_DURATION, duration, **tags, status=event.status.value))
        if attempt.records_processed:
            metrics.append(self._count(Metric.RECORDS, attempt.records_processed, **tags))
        return metrics

    def _count(self, metric: Metric, value: int, **tags: str) -> PendingMetric:
        return lambda: self._telemetry.count(metric, value, **tags)

    def _measure(self, metric: Metric, value: float, **tags: str) -> PendingMetric:
        return lambda: self._telemetry.distribution(metric, value, **tags)


def elapsed_seconds(start: datetime, end: datetime) -> float:
    return max(0.0, (end - start).total_seconds())
