"""The facts beside the run itself that explain its status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from application.queries.views.groups import FullBucketView
from application.queries.views.workers import QueueView


@dataclass(frozen=True, slots=True)
class RunContext:
    """Facts beside the run that `explain_run` uses. Durations are in seconds."""

    now: datetime
    queue: QueueView = field(default_factory=lambda: QueueView((), ()))
    """The online workers and the waiting runs of the run's pool."""
    is_warm: bool = True
    """True if Headgate's own workers serve the run's pool."""
    is_engine_reachable: bool | None = None
    """None if the status does not depend on it."""
    engine_silent_since: datetime | None = None
    """The time since which Prefect does not respond, if it runs or is to run a stage; None if it answers."""
    typical_durations: Mapping[str, float] = field(default_factory=dict)
    """The median duration of each stage."""
    slow_thresholds: Mapping[str, float] = field(default_factory=dict)
    """The 95th percentile of each stage's duration."""
    silent_workers: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    """By worker id: the name of a worker whose heartbeats have stopped, and the seconds since the last one."""
    full_buckets: Sequence[FullBucketView] = ()
    """The full concurrency limits for which the run or its stages wait."""
