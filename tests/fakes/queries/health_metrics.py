"""Health metrics that a test sets."""

from application.ports.queries.health_metrics import HealthMetrics


class FakeHealthMetricsReader:
    def __init__(self) -> None:
        self.signs = HealthMetrics(0, 0.0, 0, 0)
        self.taken: list[tuple[float, float]] = []

    async def read(self, late_after: float, seen_within: float) -> HealthMetrics:
        self.taken.append((late_after, seen_within))
        return self.signs

    def connections(self) -> tuple[int, int]:
        return (10, 3)
