"""The sentence about a run that waits for a concurrency limit names the limit, the holders and the place in line."""

from dataclasses import replace

import pytest

from application.queries.explain.explanation import explain_run
from application.queries.explain.run_context import RunContext
from application.queries.explain.slot_waits import format_ordinal
from application.queries.views.groups import FullBucketView, SlotHolderView
from application.queries.views.runs import RunView, StageRunView
from domain.runs.status import Reason, Status
from tests.support.builders import NOW
from tests.support.in_process import InProcessHeadgate


async def a_waiting_run(slot_state: str = "waiting", **keys: object) -> RunView:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(["load", "check"], name="sales")
    run = await headgate.use_cases.get_run((await headgate.use_cases.trigger("sales")).run_id)
    return replace(run, slot_state=slot_state, **keys)  # type: ignore[arg-type]


def holders(count: int, pipeline: str = "sales") -> list[SlotHolderView]:
    return [SlotHolderView(100 + index, 12 + index, 1, pipeline, None, NOW) for index in range(count)]


def a_group(limit: int = 4, held: int = 4, place: int = 3, shown: int = 3, **keys: object) -> FullBucketView:
    return FullBucketView("group:warehouse", "group:warehouse", limit, held, place, holders=holders(shown), **keys)  # type: ignore[arg-type]


def explain(run: RunView, *buckets: FullBucketView) -> str:
    return str(explain_run(run, RunContext(NOW, full_buckets=buckets)))


async def test_a_group_is_named_with_its_holders_and_the_place_in_line() -> None:
    run = await a_waiting_run()

    expected = "Waits for warehouse: 4 of 4 slots are held by sales#12, sales#13, sales#14 and 1 more; 3rd in line."
    assert explain(run, a_group()) == expected
    assert explain(run, a_group(held=5)).startswith("Waits for warehouse: 5 of 4 slots are held by")
    assert explain(run, a_group(limit=2, held=2, place=1, shown=2)) == (
        "Waits for warehouse: 2 of 2 slots are held by sales#12 and sales#13; 1st in line."
    )


@pytest.mark.parametrize(
    ("parameters", "limit_name", "expected"),
    [
        ({}, "pipeline:1", "Waits for a slot of sales: 1 of 1 is held by #12; 2nd in line."),
        ({"customer": "acme"}, "pipeline:1:customer", "Waits for a slot of sales with customer=acme: 1 of 1 is held by #12; 2nd in line."),
        ({"shop": 7}, "pipeline:1:shop", "Waits for a slot of sales with shop=7: 1 of 1 is held by #12; 2nd in line."),
        ({}, "pipeline:1:customer", "Waits for a slot of sales without customer: 1 of 1 is held by #12; 2nd in line."),
    ],
)
async def test_a_pipelines_own_limit_is_named_with_its_key(parameters: dict[str, object], limit_name: str, expected: str) -> None:
    run = await a_waiting_run(parameters=parameters)

    assert explain(run, FullBucketView("any", limit_name, 1, 1, 2, holders=holders(1))) == expected


async def test_a_long_key_value_is_cut() -> None:
    run = await a_waiting_run(parameters={"customer": "x" * 500})

    assert "customer=" + "x" * 60 + "…:" in explain(run, FullBucketView("any", "pipeline:1:customer", 1, 1, 2))


async def test_each_full_limit_has_a_sentence_up_to_three() -> None:
    run = await a_waiting_run()

    text = explain(run, *(replace(a_group(), limit_name=f"group:g{index}") for index in range(5)))

    assert text.startswith("Waits for g0:")
    assert [f". It also waits for g{index}:" in text for index in (1, 2, 3)] == [True, True, False]
    assert text.endswith("2 more limits are full.")


async def test_without_a_full_limit_the_run_is_about_to_start() -> None:
    assert explain(await a_waiting_run()) == "A slot is free: the run is about to get it."


def with_stages(run: RunView, **stages: tuple[Status, Reason | None]) -> RunView:
    def build(name: str, status: Status, reason: Reason | None) -> StageRunView:
        attempt = replace(run.stages[0].newest, status=status, reason=reason, started_at=NOW)
        return replace(run.stages[0], name=name, needs=[], attempts=[attempt])

    return replace(run, slot_state="none", stages=[build(name, *state) for name, state in stages.items()])


async def test_a_stage_that_waits_is_named() -> None:
    run = with_stages(await a_waiting_run(), load=(Status.QUEUED, Reason.LIMIT))

    assert explain(run, a_group(stage="load")).startswith("load waits for warehouse: 4 of 4 slots are held by sales#12,")
    several = explain(run, a_group(stage="load", requests=3))
    assert several.startswith("load and 2 other stages wait for warehouse:") and several.endswith("; the first is 3rd in line.")
    assert explain(run) == "A slot is free: load is about to get it."


async def test_stages_beside_running_ones_and_beside_queued_ones_say_what_they_wait_for() -> None:
    run = await a_waiting_run()
    beside_running = with_stages(run, extract=(Status.RUNNING, None), load=(Status.QUEUED, Reason.LIMIT))
    beside_queued = with_stages(run, extract=(Status.QUEUED, None), load=(Status.QUEUED, Reason.LIMIT))

    assert "extract has been running for 0 s." in explain(replace(beside_running, status=Status.RUNNING), a_group(stage="load"))
    assert " load waits for warehouse: 4 of 4" in explain(replace(beside_running, status=Status.RUNNING), a_group(stage="load"))
    text = explain(beside_queued, a_group(stage="load"))
    assert "no worker is online" in text and "load waits for warehouse: 4 of 4" in text


async def test_holders_link_to_their_runs_and_the_group_to_its_page() -> None:
    parts = explain_run(await a_waiting_run(), RunContext(NOW, full_buckets=[a_group()])).parts

    assert [part.run_id for part in parts if part.run_id] == [100, 101, 102]
    assert [part.group for part in parts if part.group] == ["warehouse"]


async def test_a_run_that_is_over_waits_for_nothing() -> None:
    run = await a_waiting_run(status=Status.CANCELLED)

    assert not run.waits_for_slot and "Waits" not in explain(run, a_group())


@pytest.mark.parametrize(
    ("number", "text"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th"), (21, "21st"), (112, "112th")],
)
def test_places_in_line_are_ordinals(number: int, text: str) -> None:
    assert format_ordinal(number) == text
