"""Watches the commits of the store, and judges slots and requests by rules that are written here a second time."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.runs.run import Run
from tests.fakes.persistence.transaction import DELETED
from tests.simulation.ledger import AttemptId
from tests.simulation.limits.bucket_rules import RUN, Buckets, list_limits, list_run_buckets, list_stage_buckets
from tests.simulation.limits.limit_plan import OVERTAKER
from tests.simulation.limits.replacements import check_replacements
from tests.simulation.limits.run_rules import check_run
from tests.support.invariants import STUCK, WRONG, Violation

UNLIMITED = 1_000_000
Request = tuple[int, int]
"""A run and the position of its stage, or RUN."""


@dataclass(slots=True)
class Timeline:
    """The values of a number that changes with commits: pairs of the number of the commit and the value since then."""

    values: list[tuple[int, int]] = field(default_factory=list)

    def set(self, commit: int, value: int) -> None:
        self.values.append((commit, value))

    def since(self, commit: int, default: int) -> list[int]:
        """Return the value at that commit and all later ones."""
        found = []
        for at, value in reversed(self.values):
            found.append(value)
            if at <= commit:
                return found
        return [*found, default]


class LimitWatch:
    """`observe` sees each transaction before its changes are applied.

    `list_running` returns the attempts whose processes run and must have slots. `commits` counts the transactions.
    """

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.commits = 0
        self.list_running: Callable[[], Iterable[AttemptId]] = list
        self._held: dict[str, Timeline] = {}
        self._held_now: Counter[str] = Counter()
        self._over_limit: dict[str, list[int]] = {}
        self._limits: dict[str, Timeline] = {}
        self._limits_now: dict[str, int] = {}
        self._requested: dict[Request, int] = {}
        self._fits_since: dict[Request, float] = {}

    def observe(self, tx: Any, began: int) -> None:
        """Judge a transaction that began after the commit of this number."""
        self.commits += 1
        if tx.pipelines.changes or tx.limits.changes:
            self._record_limits(tx)
        if tx.slots.changes:
            self._record_held(tx)
        for key, row in tx.slot_waits.changes.items():
            if row is not DELETED and key not in tx.store.committed.slot_waits:
                self._requested[key[1:]] = self.commits
        granted = list(_list_granted(tx))
        if granted:
            self._check_limits(tx, granted, began)
            self._check_order(tx, granted, began)
        changed = {key[1] for table in (tx.slots, tx.slot_waits) for key in table.changes} | set(tx.runs.changes)
        for run_id in sorted(changed):
            self.violations += check_run(tx, run_id)
        if tx.runs.changes:
            self.violations += check_replacements(
                tx,
                lambda name: max(self._limits_since(name, began)),
                lambda request: self._requested[request] <= began,
                lambda bucket: self._count_over_limit(bucket, began),
            )
        if tx.slots.changes:
            self.check_running(tx)

    def check_running(self, tables: Any) -> None:
        """Each attempt whose process runs must hold its slots."""
        for run_id, stage, number in self.list_running():
            run = tables.runs.get(run_id)
            if run is None or run.trigger.kind == "report":
                continue
            position = list(run.stages).index(stage)
            needed = [(name, run_id, RUN) for name in list_run_buckets(tables, run)]
            needed += [(name, run_id, position) for name in list_stage_buckets(tables, run, stage)]
            for key in needed:
                if key not in tables.slots:
                    self._report(WRONG, f"run {run_id}: attempt {number} of {stage} runs without a slot of {key[0]}")

    def check_waiting(self, tables: Any, now: float, patience: float) -> None:
        """No request may wait for longer than `patience` seconds while each of its buckets has room. Infinite patience starts anew."""
        fitting = {request for request, buckets in list_requests(tables).items() if all(self._has_room(b, n) for b, n in buckets.items())}
        self._fits_since = {request: self._fits_since.get(request, now) for request in sorted(fitting)} if patience < UNLIMITED else {}
        for request, since in self._fits_since.items():
            if now - since > patience:
                self._report(STUCK, f"{_describe(request)} waits since {since:.2f} although there is room")
                self._fits_since[request] = now

    def check_end(self, tables: Any) -> list[Violation]:
        """Return all violations. All runs are over, so no slot is held or requested."""
        left = [Violation(STUCK, f"{key} is still held") for key in tables.slots]
        waiting = [Violation(STUCK, f"{key} is still requested") for key in tables.slot_waits]
        return [*dict.fromkeys(self.violations), *left, *waiting]

    # -- what holds at which commit --------------------------------------------------------------------------------------------------

    def _record_limits(self, tx: Any) -> None:
        now = list_limits(tx)
        for name in now.keys() | self._limits_now.keys():
            if now.get(name) != self._limits_now.get(name):
                self._limits.setdefault(name, Timeline()).set(self.commits, now.get(name, UNLIMITED))
        self._limits_now = now

    def _record_held(self, tx: Any) -> None:
        names = set()
        for key, row in tx.slots.changes.items():
            self._held_now[key[0]] += (row is not DELETED) - (key in tx.store.committed.slots)
            names.add(key[0])
            if row is not DELETED and row.over_limit:
                self._over_limit.setdefault(key[0], []).append(self.commits)
        for name in names:
            self._held.setdefault(name, Timeline()).set(self.commits, self._held_now[name])

    def _has_room(self, bucket: str, limit_name: str) -> bool:
        return self._held_now[bucket] < self._limits_now.get(limit_name, UNLIMITED)

    # -- rules -----------------------------------------------------------------------------------------------------------------------

    def _check_limits(self, tx: Any, granted: list["Grant"], began: int) -> None:
        """A slot that is not taken over the limit fits: by a limit in force since the transaction began.

        What is taken over the limit meanwhile or by the same transaction does not matter.
        """
        for grant in granted:
            for bucket, limit_name in grant.buckets.items():
                limit = max(self._limits_since(limit_name, began))
                beyond = self._count_over_limit(bucket, began)
                if not grant.is_over_limit and self._held_now[bucket] - beyond > limit:
                    sentence = f"{_describe(grant.request)} makes {self._held_now[bucket]} holders of {bucket}; its limit is {limit}"
                    self._report(WRONG, sentence)

    def _check_order(self, tx: Any, granted: list["Grant"], began: int) -> None:
        """Nothing is granted past a request that came before it, shares a bucket with it and could have been granted all the time."""
        normal = [grant for grant in granted if not grant.is_over_limit and not _may_overtake(tx, grant)]
        buckets_taken = {bucket for grant in normal for bucket in grant.buckets}
        waiting = {key[1:] for key in tx.slot_waits if key[0] in buckets_taken and self._requested[key[1:]] <= began}
        requests = list_requests(tx)
        for request in sorted(waiting):
            rank = get_rank(tx, request)
            later = [grant for grant in normal if grant.rank > rank]
            overtaking = [grant for grant in later if grant.buckets.keys() & requests[request].keys()]
            if overtaking and all(self._had_room(b, name, began, later) for b, name in requests[request].items()):
                self._report(WRONG, f"{_describe(overtaking[0].request)} overtook {_describe(request)}")

    def _had_room(self, bucket: str, limit_name: str, began: int, later: list["Grant"]) -> bool:
        """Return True if the bucket had room for one more since the transaction began, but for what it grants to later requests."""
        held = self._held.get(bucket, Timeline()).since(began, 0)
        after = held[0] - sum(bucket in grant.buckets for grant in later) if held[:1] else 0
        return max([after, *held[1:]]) < min(self._limits_since(limit_name, began))

    def _count_over_limit(self, bucket: str, began: int) -> int:
        """Return how many slots were taken over the limit since then."""
        return sum(commit > began for commit in self._over_limit.get(bucket, ()))

    def _limits_since(self, limit_name: str, commit: int) -> list[int]:
        return self._limits.get(limit_name, Timeline()).since(commit, UNLIMITED)

    def _report(self, kind: str, sentence: str) -> None:
        self.violations.append(Violation(kind, sentence))


@dataclass(frozen=True, slots=True)
class Grant:
    """Slots that a transaction takes. `rank` orders requests; what never waited comes last of its priority."""

    request: Request
    buckets: Buckets
    is_over_limit: bool
    rank: tuple[Any, ...]


def list_requests(tables: Any) -> Mapping[Request, Buckets]:
    """Return the requests that wait, with their buckets."""
    found: dict[Request, dict[str, str]] = {}
    for (bucket, run_id, position), row in tables.slot_waits.items():
        found.setdefault((run_id, position), {})[bucket] = row.limit_name
    return found


def get_rank(tables: Any, request: Request) -> tuple[Any, ...]:
    row = next(row for key, row in tables.slot_waits.items() if key[1:] == request)
    return (-row.priority, row.waits_since.timestamp(), *request)


def _list_granted(tx: Any) -> Iterator[Grant]:
    committed = tx.store.committed
    taken: dict[Request, dict[str, Any]] = {}
    for key, row in tx.slots.changes.items():
        if row is not DELETED and key not in committed.slots:
            taken.setdefault(key[1:], {})[key[0]] = row
    for request, rows in sorted(taken.items()):
        buckets = {bucket: row.limit_name for bucket, row in rows.items()}
        has_waited = any(key[1:] == request for key in committed.slot_waits)
        run: Run = tx.runs[request[0]]
        rank = get_rank(committed, request) if has_waited else (-run.priority, float("inf"), *request)
        yield Grant(request, buckets, any(row.over_limit for row in rows.values()), rank)


def _may_overtake(tx: Any, grant: Grant) -> bool:
    run_id = grant.request[0]
    return run_id not in tx.store.committed.runs and tx.runs[run_id].trigger.actor == OVERTAKER


def _describe(request: Request) -> str:
    return f"run {request[0]}" if request[1] == RUN else f"stage {request[1]} of run {request[0]}"
