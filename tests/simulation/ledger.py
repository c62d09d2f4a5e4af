"""What the simulated machines know for certain, to be held against what the store says."""

from collections import Counter
from collections.abc import Iterator, Mapping

from tests.support.invariants import DOUBLED, LOST, WRONG, Acknowledged, Violation

Attempted = tuple[int, str, int]
"""(run id, stage, attempt)."""


class Ledger:
    """Every real start, every answer that was received, and what went wrong in the open."""

    def __init__(self, *, may_overlap: bool) -> None:
        self.starts: Counter[Attempted] = Counter()
        self.live: dict[tuple[Attempted, str], None] = {}
        self.acknowledged: list[Acknowledged] = []
        self.answers: dict[tuple[int, str, str], object] = {}
        self.applied: dict[tuple[int, str], dict[int, int]] = {}
        self.renewals: dict[tuple[int, int], float] = {}
        self.shipped_logs: list[Attempted] = []
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

    def check_end(self) -> list[Violation]:
        still = [Violation(WRONG, f"{attempted} still runs on {worker}") for attempted, worker in self.live]
        return [*self.violations, *still, *self._out_of_order()]

    def _out_of_order(self) -> Iterator[Violation]:
        """A reporter's words that were applied, in the order of their events, stand in the reporter's own order."""
        for (run_id, reporter), applied in self.applied.items():
            seqs = [applied[seq] for seq in sorted(applied)]
            if seqs != sorted(seqs):
                yield Violation(WRONG, f"run {run_id}: {reporter}'s words were applied in the order {seqs}")

    def find_missing_lines(self, stored: Mapping[Attempted, int]) -> Iterator[Violation]:
        """Every attempt whose two lines were taken has them, each once."""
        for attempted in self.shipped_logs:
            if stored.get(attempted, 0) != 2:
                yield Violation(LOST, f"{attempted} has {stored.get(attempted, 0)} lines, though 2 were taken")

    def check_early_loss(self, run_id: int, epoch: int, at: float, term: float) -> Violation | None:
        """A dispatch was lost at that moment: not within a term of a renewal that its worker was told of."""
        renewed = self.renewals.get((run_id, epoch), -term)
        if at >= renewed + term:
            return None
        return Violation(LOST, f"run {run_id}: dispatch {epoch} was lost at {at:.3f}, though renewed at {renewed:.3f}")
