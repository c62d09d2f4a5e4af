"""Wake-ups that are remembered and wake nobody."""

from collections.abc import Sequence

from domain.run import Run


class FakeWakeups:
    """What was said after commits: how often, which runs, bursts and logs, in order."""

    def __init__(self) -> None:
        self.count = 0
        self.runs: list[int] = []
        self.bursts: list[tuple[int, int]] = []
        self.logs_of: list[int] = []

    def committed(self, runs: Sequence[Run] = (), *, bursts: Sequence[tuple[int, int]] = (), logs_of: Sequence[int] = ()) -> None:
        self.count += 1
        self.runs.extend(run.id for run in runs)
        self.bursts.extend(bursts)
        self.logs_of.extend(logs_of)
