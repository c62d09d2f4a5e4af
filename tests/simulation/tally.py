"""Sums up many simulations, with a row for each kind of fault."""

from collections import Counter
from dataclasses import dataclass, field

from tests.simulation.simulation import SimulationResult
from tests.support.invariants import DOUBLED, LOST, STUCK, WRONG

NO_FAULT = "(none)"
COLUMNS = ("points tried", "acknowledged", LOST, STUCK, DOUBLED, WRONG)


@dataclass(slots=True)
class Tally:
    """Count a simulation under every kind of fault that happened in it."""

    rows: dict[str, Counter[str]] = field(default_factory=dict)
    seeds: int = 0
    failed: list[int] = field(default_factory=list)

    def add(self, outcome: SimulationResult) -> None:
        self.seeds += 1
        if outcome.violations:
            self.failed.append(outcome.plan.seed)
        for fault, count in (outcome.faults or {NO_FAULT: 1}).items():
            row = self.rows.setdefault(fault, Counter())
            row["points tried"] += count
            row["acknowledged"] += outcome.acknowledged
            row.update(violation.kind for violation in outcome.violations)

    def merge(self, other: "Tally") -> None:
        self.seeds += other.seeds
        self.failed += other.failed
        for fault, row in other.rows.items():
            self.rows.setdefault(fault, Counter()).update(row)

    def table(self) -> str:
        head = f"{'fault':<22}" + "".join(f"{column:>14}" for column in COLUMNS)
        lines = [f"{fault:<22}" + "".join(f"{row[column]:>14,}" for column in COLUMNS) for fault, row in sorted(self.rows.items())]
        return "\n".join([head, *lines])
