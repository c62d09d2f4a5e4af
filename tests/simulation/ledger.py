"""What the simulated machines know for certain, to be held against what the store says."""

from collections import Counter

from tests.invariants import DOUBLED, WRONG, Acknowledged, Violation

Attempted = tuple[int, str, int]
"""(run id, stage, attempt)."""


class Ledger:
    """Every real start, every answer that was received, and what went wrong in the open."""

    def __init__(self, *, may_overlap: bool) -> None:
        self.starts: Counter[Attempted] = Counter()
        self.live: dict[tuple[Attempted, str], None] = {}
        self.acknowledged: list[Acknowledged] = []
        self.answers: dict[tuple[int, str, str], object] = {}
        self.violations: list[Violation] = []
        self._may_overlap = may_overlap

    def begin(self, attempted: Attempted, worker: str) -> None:
        """A process of this attempt began."""
        self.starts[attempted] += 1
        run_id, stage, number = attempted
        if not self._may_overlap:
            for (run, name, other), holder in self.live:
                if (run, name) == (run_id, stage):
                    sentence = f"run {run_id}: attempt {number} of {stage} began on {worker} while {other} still ran on {holder}"
                    self.violations.append(Violation(DOUBLED, sentence))
        self.live[attempted, worker] = None

    def end(self, attempted: Attempted, worker: str) -> None:
        self.live.pop((attempted, worker), None)

    def answered(self, run_id: int, reporter: str, event_id: str, answer: object) -> None:
        """The same event id must always be answered the same."""
        first = self.answers.setdefault((run_id, reporter, event_id), answer)
        if first != answer:
            self.violations.append(Violation(DOUBLED, f"{event_id} of {reporter} was answered {first}, then {answer}"))

    def at_the_end(self) -> list[Violation]:
        still = [Violation(WRONG, f"{attempted} still runs on {worker}") for attempted, worker in self.live]
        return [*self.violations, *still]
