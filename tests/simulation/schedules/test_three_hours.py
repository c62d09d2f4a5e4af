"""Everything stops for three hours, and starts again: the runs and rows that each policy documents."""

import pytest

from domain.schedules.tick import Tick
from tests.simulation.plan import Fault, Plan, make_plan
from tests.simulation.schedules.schedule_plan import (
    CATCH_UP,
    CLOCK_SET,
    HOUR,
    OPERATIONS,
    OVERLAP,
    STOPPED,
    TIME_FAULTS,
    a_scheduled_pipeline,
)
from tests.simulation.simulation import Simulation, simulate

SEEDS = 2
DOCUMENTED = {
    # What becomes of the ticks of 10:00:05, 11:00:05 and 12:00:05 when everything is stopped from 09:01 to 12:01:30.
    ("none", "skip"): "missed missed missed",
    ("none", "queue_one"): "missed missed missed",
    ("none", "queue_all"): "missed missed missed",
    ("none", "cancel_running"): "missed missed missed",
    ("none", "allow"): "missed missed missed",
    ("latest", "skip"): "missed missed late",
    ("latest", "queue_one"): "missed missed late",
    ("latest", "queue_all"): "missed missed late",
    ("latest", "cancel_running"): "missed missed late",
    ("latest", "allow"): "missed missed late",
    ("all", "skip"): "late skipped skipped",
    ("all", "queue_one"): "late late skipped",
    ("all", "queue_all"): "late late late",
    ("all", "cancel_running"): "skipped skipped late",
    ("all", "allow"): "late late late",
}


def a_plan(seed: int, jump: str = STOPPED, seconds: float = 3 * HOUR + 30, webs: int = 3, **schedule: object) -> Plan:
    written = {"name": "main", "every": 3_600, "offset": 5, "jitter": 0, **schedule}
    return Plan(seed, (a_scheduled_pipeline([written]),), (), webs, 1, 2, chaos=70.0, faults=(Fault(60.0, jump, seconds=seconds),))


def run(plan: Plan) -> tuple[list[Tick], list[str]]:
    """Return the ticks, oldest first, and the violations of the simulation."""
    seen: list[Simulation] = []
    result = simulate(plan, seen.append)
    tables = seen[0].context.store.committed
    return sorted(tables.ticks.values(), key=lambda tick: tick.due_at), [str(violation) for violation in result.violations]


def test_the_table_has_every_policy() -> None:
    assert set(DOCUMENTED) == {(catch_up, overlap) for catch_up in CATCH_UP for overlap in OVERLAP}


@pytest.mark.parametrize(("catch_up", "overlap"), DOCUMENTED)
def test_three_hours_without_headgate_give_the_documented_runs_and_rows(catch_up: str, overlap: str) -> None:
    for seed in range(SEEDS):
        ticks, violations = run(a_plan(seed, catch_up=catch_up, overlap=overlap))

        assert violations == []
        assert [f"{tick.due_at:%H:%M:%S}" for tick in ticks] == ["09:00:05", "10:00:05", "11:00:05", "12:00:05"]
        assert [tick.state.value for tick in ticks] == ["fired", *DOCUMENTED[catch_up, overlap].split()]
        assert len({tick.run_id for tick in ticks if tick.run_id is not None}) == 1 + DOCUMENTED[catch_up, overlap].split().count("late")


@pytest.mark.parametrize("catch_up", CATCH_UP[:2])
def test_more_than_a_thousand_missed_ticks_share_a_row_that_counts_them(catch_up: str) -> None:
    ticks, violations = run(a_plan(1, every=5, offset=0, catch_up=catch_up, overlap="skip", webs=1))

    assert violations == []
    assert sorted((tick.count for tick in ticks), reverse=True)[1] == 1
    missed = sum(tick.count for tick in ticks if tick.state == "missed")
    assert 3 * HOUR / 5 - 15 < missed < 3 * HOUR / 5 + 15


def test_a_clock_that_is_set_back_never_fires_a_tick_again() -> None:
    ticks, violations = run(a_plan(2, CLOCK_SET, -90.0, every=7, offset=0, catch_up="all", overlap="allow"))

    assert violations == []
    assert [tick.state for tick in ticks if tick.state != "fired"] == []


@pytest.mark.parametrize("kind", TIME_FAULTS)
def test_every_fault_of_time_happens(kind: str) -> None:
    assert any(simulate(make_plan(seed, operations=OPERATIONS)).faults[kind] for seed in range(20))


@pytest.mark.parametrize("seed", [1118])
def test_scheduled_seeds_that_failed_once_pass(seed: int) -> None:
    """A past failure: a pipeline was archived after its schedule with a waiting tick was found and before it was locked."""
    assert simulate(make_plan(seed, operations=OPERATIONS)).violations == []
