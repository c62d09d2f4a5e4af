"""The metrics that Headgate sends. Dashboards and monitors use only these; a test checks that."""

from enum import StrEnum

NAMESPACE = "headgate"


class Metric(StrEnum):
    """Metric names without the namespace. Times are in seconds. Tags have few values: never the id of a run, a trace or an event."""

    REQUESTS = "request.count"
    REQUEST_ERRORS = "request.errors"
    REQUEST_DURATION = "request.duration"

    USE_CASE_DURATION = "use_case.duration"
    USE_CASE_ERRORS = "use_case.errors"

    STATUS_UPDATES = "status_update.count"
    RECORDS = "records.count"

    RUNS_OPENED = "run.opened"
    RUNS_FINISHED = "run.finished"
    RUN_DURATION = "run.duration"
    RUN_START_LATENCY = "run.start_latency"
    STAGES_FINISHED = "stage.finished"
    STAGE_DURATION = "stage.duration"
    STAGE_QUEUE_WAIT = "stage.queue_wait"
    RUNS_WAITING = "run.waiting"
    RUNS_LATE = "run.late"

    SLOTS_HELD = "slot.held"
    SLOTS_WAITING = "slot.waiting"
    SLOT_GRANT_WAIT = "slot.grant_wait"

    TICKS = "tick.count"
    TICK_LAG = "tick.lag"
    BACKFILL_TICKS = "backfill_tick.count"

    INCIDENTS_OPEN = "incident.open"
    DELIVERIES = "delivery.count"
    DELIVERY_LATENCY = "delivery.latency"
    DELIVERY_AGE = "delivery.age"
    INCIDENT_CHANGES = "incident_change.count"

    OUTBOX_DEPTH = "outbox.depth"
    OUTBOX_AGE = "outbox.age"
    RELAY_LATENCY = "relay.latency"

    FLOW_RUNS_CREATED = "prefect.flow_runs.created"
    FLOW_RUNS_FAILED = "prefect.flow_runs.failed"
    FLOW_RUNS_FOLLOWED = "prefect.flow_runs.followed"
    FLOW_RUNS_AGE = "prefect.flow_runs.age"

    WORKERS = "worker.count"
    WORKER_SLOTS = "worker.slots"
    WORKER_SLOTS_FREE = "worker.slots_free"

    SSE_VIEWERS = "sse.viewers"
    SSE_LAG = "sse.lag"

    DB_POOL_SIZE = "db.pool.size"
    DB_POOL_IN_USE = "db.pool.in_use"

    @property
    def full_name(self) -> str:
        """The name in Datadog."""
        return f"{NAMESPACE}.{self.value}"


TAGS: dict[Metric, tuple[str, ...]] = {
    Metric.REQUESTS: ("route", "method", "status"),
    Metric.REQUEST_ERRORS: ("route", "method", "status"),
    Metric.REQUEST_DURATION: ("route", "method"),
    Metric.USE_CASE_DURATION: ("use_case",),
    Metric.USE_CASE_ERRORS: ("use_case", "kind"),
    Metric.STATUS_UPDATES: ("verdict",),
    Metric.RECORDS: ("pipeline", "stage"),
    Metric.RUNS_OPENED: ("pipeline", "trigger"),
    Metric.RUNS_FINISHED: ("pipeline", "status"),
    Metric.RUN_DURATION: ("pipeline", "status"),
    Metric.RUN_START_LATENCY: ("pipeline",),
    Metric.STAGES_FINISHED: ("pipeline", "stage", "status"),
    Metric.STAGE_DURATION: ("pipeline", "stage", "status"),
    Metric.STAGE_QUEUE_WAIT: ("pipeline", "stage"),
    Metric.RUNS_WAITING: (),
    Metric.RUNS_LATE: (),
    Metric.SLOTS_HELD: ("limit",),
    Metric.SLOTS_WAITING: ("limit",),
    Metric.SLOT_GRANT_WAIT: ("pipeline",),
    Metric.TICKS: ("state",),
    Metric.TICK_LAG: ("state",),
    Metric.BACKFILL_TICKS: ("state",),
    Metric.INCIDENTS_OPEN: (),
    Metric.DELIVERIES: ("channel_kind", "outcome"),
    Metric.DELIVERY_LATENCY: ("channel_kind",),
    Metric.DELIVERY_AGE: (),
    Metric.INCIDENT_CHANGES: ("change",),
    Metric.OUTBOX_DEPTH: (),
    Metric.OUTBOX_AGE: (),
    Metric.RELAY_LATENCY: ("pool",),
    Metric.FLOW_RUNS_CREATED: ("pipeline",),
    Metric.FLOW_RUNS_FAILED: ("pipeline",),
    Metric.FLOW_RUNS_FOLLOWED: (),
    Metric.FLOW_RUNS_AGE: (),
    Metric.WORKERS: ("pool",),
    Metric.WORKER_SLOTS: ("pool",),
    Metric.WORKER_SLOTS_FREE: ("pool",),
    Metric.SSE_VIEWERS: (),
    Metric.SSE_LAG: (),
    Metric.DB_POOL_SIZE: (),
    Metric.DB_POOL_IN_USE: (),
}
"""The tags of each metric, in addition to `service`, `env` and `version`."""
