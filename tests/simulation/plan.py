"""The plan of a simulation, drawn from a seed: pipelines, machines and faults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from tests.simulation.backfills.backfill_plan import add_backfills
from tests.simulation.limits.limit_plan import LIMIT_OPERATIONS, LimitOperation, add_limits
from tests.simulation.schedules.schedule_plan import CLOCK_SET, OPERATIONS, Operation, add_schedules

FAULTS = (
    "kill web",
    "kill worker",
    "kill flow process",
    "kill reporter",
    "freeze web",
    "freeze worker",
    "drain worker",
    "cut stream",
    "cut viewer",
    "store away",
    "store stands still",
    "engine away",
    "engine emptied",
    "flow run deleted",
    "flow run cancelled",
    "run cancelled",
    "stage hangs",
)


SERVER_FAULTS = frozenset(
    {"kill web", "cut viewer", "store away", "store stands still", "engine away", "engine emptied", "flow run deleted", "kill reporter"}
)
"""Faults that do not affect workers."""
SCHEDULED_EVERY = 25
LIMITED_EVERY = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """`which` picks one of the targets at that time; `seconds` is the duration."""

    at: float
    kind: str
    which: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class StageWork:
    """The behaviour of an attempt's process: its duration, its end, and the seconds it takes to obey a TERM."""

    seconds: float
    status: str
    termination_seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Rates are per message, statement or call. They apply for `chaos` seconds; then everything is repaired."""

    seed: int
    pipelines: tuple[Mapping[str, Any], ...]
    triggers: tuple[tuple[float, str], ...]
    webs: int
    workers: int
    slots: int
    chaos: float
    faults: tuple[Fault, ...]
    message_faults: float = 0.0
    cut_connections: float = 0.0
    slow_statements: float = 0.0
    lost_answers: float = 0.0
    missed_announcements: float = 0.0
    reporter_skew: float = 0.0
    worker_skew: float = 0.0
    due_every: float = 2.0
    operations: tuple[Operation, ...] = ()
    limit_operations: tuple[LimitOperation, ...] = ()
    group_limits: tuple[tuple[str, int], ...] = ()

    @property
    def freezes(self) -> bool:
        return any(fault.kind.startswith("freeze") for fault in self.faults)

    @property
    def is_quiet(self) -> bool:
        """Return True if nothing delays a machine: no faults, no slow statements and no lost messages."""
        return not (self.faults or self.message_faults or self.cut_connections or self.slow_statements or self.lost_answers)

    @property
    def sets_clock(self) -> bool:
        """Return True if the store's clock jumps while processes run, which leases and deadlines cannot tell from time that passed."""
        return any(fault.kind == CLOCK_SET for fault in self.faults)

    def work(self, run_id: int, stage: str, attempt: int) -> StageWork:
        """Return the work of an attempt, which depends on nothing but the seed and the attempt."""
        random = Random(f"{self.seed}:work:{run_id}:{stage}:{attempt}")
        seconds = random.choice((0.05, 0.4, 2.0, 7.0)) * (0.5 + random.random())
        return StageWork(seconds, "completed" if random.random() < 0.8 else "failed", random.choice((0.05, 0.5, 1.5)))


def make_plan(
    seed: int,
    kinds: Sequence[str] = FAULTS,
    *,
    seconds: float | None = None,
    fault_rate: float | None = None,
    report_timeout: float | None = None,
    operations: Sequence[str] | None = None,
    limits: Sequence[str] | None = None,
) -> Plan:
    """Draw a plan with faults of those kinds, of that duration and at that rate; the seed decides what is not given.

    `report_timeout` is the timeout of external stages. Every 25th seed has schedules beside the rest, every 20th limited pipelines.
    If `operations` names kinds of operations, each seed has schedules only; if `limits` does, limited pipelines only. With all kinds of
    operations on limited pipelines, some seeds have backfills of these.
    """
    random = Random(f"{seed}:plan")
    pipelines = tuple(_pipeline(random, index) for index in range(random.choice((1, 1, 2))))
    if report_timeout is not None:
        pipelines = tuple(_set_report_timeout(pipeline, report_timeout) for pipeline in pipelines)
    runs = random.choice((1, 1, 2, 2, 3))
    triggered = [pipeline["name"] for pipeline in pipelines if not pipeline["name"].startswith("remote")]
    triggers = tuple((random.choice((1, 8)) * random.random(), random.choice(triggered)) for _ in range(runs)) if triggered else ()
    chaos = random.choice((6.0, 12.0, 25.0))
    drawn_rate = random.choice((0.0, 0.02, 0.05))
    fault_rate = drawn_rate if fault_rate is None else fault_rate
    plan = Plan(
        seed=seed,
        pipelines=pipelines,
        triggers=triggers,
        webs=random.choice((1, 2, 2)),
        workers=random.choice((1, 2, 2)),
        slots=random.choice((1, 2, 4)),
        chaos=chaos,
        faults=_faults(random, chaos, kinds, seconds),
        message_faults=fault_rate * random.choice((0.0, 1.0, 2.0)),
        cut_connections=fault_rate * random.choice((0.0, 0.2)),
        slow_statements=fault_rate * random.choice((0.0, 1.0)),
        lost_answers=fault_rate * random.choice((0.0, 1.0, 2.0)),
        missed_announcements=random.choice((0.0, 0.0, 0.5)),
        reporter_skew=random.choice((0.0, 3600.0, -3600.0)),
        worker_skew=random.choice((0.0, 3600.0, -3600.0)),
    )
    if limits is not None:
        limited = add_limits(replace(plan, pipelines=(), triggers=()), limits)
        return add_backfills(limited) if limits == LIMIT_OPERATIONS else limited
    if operations is None and seed % LIMITED_EVERY == LIMITED_EVERY - 1:
        return add_backfills(add_limits(plan, LIMIT_OPERATIONS))
    if operations is None and seed % SCHEDULED_EVERY:
        return plan
    if operations is None:
        return add_schedules(plan, OPERATIONS)
    return add_schedules(replace(plan, pipelines=(), triggers=()), operations)


def _faults(random: Random, chaos: float, kinds: Sequence[str], seconds: float | None) -> tuple[Fault, ...]:
    count = random.choice((0, 1, 2, 4)) if kinds else 0
    return tuple(sorted((_fault(random, chaos, kinds, seconds) for _ in range(count)), key=lambda fault: fault.at))


def _fault(random: Random, chaos: float, kinds: Sequence[str], seconds: float | None) -> Fault:
    lasts = random.choice((0.1, 2.0, 8.0, 25.0))
    return Fault(chaos * random.random(), random.choice(kinds), random.randrange(8), lasts if seconds is None else seconds)


def _pipeline(random: Random, index: int) -> Mapping[str, Any]:
    """Draw a pipeline of Headgate's pool, of a pool of Prefect's worker, or of external stages only."""
    kind = random.choice(("warm", "warm", "warm", "foreign", "remote"))
    stages = [_stage(random, position, kind) for position in range(random.choice((1, 2, 3, 4)))]
    pool = "processes" if kind == "foreign" else "headgate"
    return {"name": f"{kind}{index}", "pool": pool, "parallelism": random.choice((1, 2, 16)), "stages": stages}


def _set_report_timeout(pipeline: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
    stages = [stage | {"timeout": seconds} if stage["kind"] == "external" else stage for stage in pipeline["stages"]]
    return {**pipeline, "stages": stages}


def _stage(random: Random, position: int, kind: str) -> Mapping[str, Any]:
    name = "abcd"[position]
    needs = [earlier for earlier in "abcd"[:position] if random.random() < 0.6]
    common: dict[str, Any] = {"name": name, "needs": needs, "allow_failure": random.random() < 0.2}
    common["when"] = random.choice(("completed", "completed", "completed", "always", "failed")) if needs else "completed"
    if kind == "remote" or random.random() < 0.2:
        return common | {"kind": "external", "timeout": random.choice((20, 60))}
    retries = random.choice((0, 0, 1, 2))
    return common | {
        "kind": "command",
        "command": ["true"],
        "timeout": random.choice((5, 30)),
        "retries": retries,
        "retry_delay": random.choice((0, 0, 3)),
        "retry_on_loss": bool(retries) and random.random() < 0.7,
    }
