"""TODO."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from application.observability.metrics import Metric
from application.ports.telemetry.telemetry import Telemetry
from domain.runs.events import Event, EventType
from domain.runs.run import Run
from domain.runs.status import Status

PendingMetric = Callable[[], None]


class RunMetrics:
    """What the new events of a run say in figures."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def of(self, run: Run, events: Sequence[Event]) -> list[PendingMetric]:
        """To be told once they are durable. Reads the run now: it may move on before."""
        facts: list[PendingMetric] = []
        for event in events:
            if event.type is EventType.RUN_OPENED:
                facts.append(self._counted(Metric.RUNS_OPENED, 1, pipeline=run.definition.name, trigger=run.trigger.kind))
            elif event.type is EventType.RUN_MOVED and event.status is not None:
                facts += self._run_moved(run, event.status)
            elif event.type is EventType.STAGE_MOVED and event.stage is not None and event.attempt is not None:
                facts += self._stage_moved(run, event, event.stage, event.attempt)
        return facts

    def _run_moved(self, run: Run, status: Status) -> list[PendingMetric]:
        if not status.is_terminal or run.finished_at is None:
            return []
        tags = {"pipeline": run.definition.name, "status": status.value}
        took = elapsed_seconds(run.started_at or run.created_at, run.finished_at)
        return [self._counted(Metric.RUNS_FINISHED, 1, **tags), self._measured(Metric.RUN_DURATION, took, **tags)]

    def _stage_moved(self, run: Run, event: Event, stage: str, number: int) -> list[PendingMetric]:
        attempt = run.stages[stage].attempts[number - 1]
        named = {"pipeline": run.definition.name, "stage": stage}
        if event.status is Status.RUNNING:
            waited = elapsed_seconds(attempt.queued_at or event.at, event.at)
            facts = [self._measured(Metric.STAGE_QUEUE_WAIT, waited, **named)]
            if run.started_at == event.at:
                facts.append(
                    self._measured(Metric.RUN_START_LATENCY, elapsed_seconds(run.created_at, event.at), pipeline=run.definition.name)
                )
            return facts
        if event.status is None or not event.status.is_terminal:
            return []
        facts = [self._counted(Metric.STAGES_FINISHED, 1, **named, status=event.status.value)]
        if attempt.started_at is not None and attempt.finished_at is not None:
            took = elapsed_seconds(attempt.started_at, attempt.finished_at)
            facts.append(self._measured(Metric.STAGE_DURATION, took, **named, status=event.status.value))
        if attempt.records_processed:
            facts.append(self._counted(Metric.RECORDS, attempt.records_processed, **named))
        return facts

    def _counted(self, metric: Metric, value: int, **tags: str) -> PendingMetric:
        return lambda: self._telemetry.count(metric, value, **tags)

    def _measured(self, metric: Metric, value: float, **tags: str) -> PendingMetric:
        return lambda: self._telemetry.distribution(metric, value, **tags)


def elapsed_seconds(begin: datetime, end: datetime) -> float:
    return max(0.0, (end - begin).total_seconds())
