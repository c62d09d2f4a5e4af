"""Vital signs that a test sets."""

from application.ports.vitals import VitalSigns


class FakeVitals:
    def __init__(self) -> None:
        self.signs = VitalSigns(0, 0.0, 0, 0)
        self.taken: list[tuple[float, float]] = []

    async def take(self, late_after: float, seen_within: float) -> VitalSigns:
        self.taken.append((late_after, seen_within))
        return self.signs

    def connections(self) -> tuple[int, int]:
        return (10, 3)
