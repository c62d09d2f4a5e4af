"""TODO."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from application.queries.views.workers import QueueView


@dataclass(frozen=True, slots=True)
class RunContext:
    """What else is true while the sentence is made. `usual` is the median time of each stage and `slow` its 95th percentile, seconds;
    `queue` the workers that spoke lately in the run's pool and the runs that wait there; `is_warm` whether the pool is served by
    Headgate's own workers; `is_engine_reachable` None when nobody looked; `silent` the name of each worker, by its id, that has not spoken
    for too long, and the seconds since it did."""

    now: datetime
    queue: QueueView = field(default_factory=lambda: QueueView((), ()))
    is_warm: bool = True
    is_engine_reachable: bool | None = None
    typical_durations: Mapping[str, float] = field(default_factory=dict)
    slow_thresholds: Mapping[str, float] = field(default_factory=dict)
    silent_workers: Mapping[str, tuple[str, float]] = field(default_factory=dict)
