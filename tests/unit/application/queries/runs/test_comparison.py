"""Comparisons of two runs of a pipeline."""

from application.queries.runs.comparison import build_comparison, diff_mappings
from tests.support.actions import worker_report
from tests.support.builders import a_definition, a_stage
from tests.support.in_process import InProcessHeadgate


def test_objects_are_compared_by_key_and_lists_as_a_whole() -> None:
    differences = diff_mappings({"a": 1, "b": {"c": [1], "d": 2}, "gone": 0}, {"a": 1, "b": {"c": [1, 2], "d": 2}, "new": None})

    assert [(item.path, item.before, item.after, item.missing) for item in differences] == [
        ("b.c", [1], [1, 2], None),
        ("gone", 0, None, "after"),
        ("new", None, None, "before"),
    ]
    assert diff_mappings({"x": {"y": 1}}, {"x": {"y": 1}}) == []


async def test_runs_differ_in_parameters_definition_records_and_their_first_error() -> None:
    headgate = InProcessHeadgate()
    schema = {"type": "object", "properties": {"month": {"type": "integer"}}}
    await headgate.use_cases.create_pipeline([a_stage("load"), a_stage("check")], parameters=schema)
    first = await headgate.use_cases.trigger(parameters={"month": 5})
    await headgate.use_cases.claim(first.run_id)
    await headgate.use_cases.advance(first.run_id, worker_report(first.run_id, "load", "completed", records_processed=10))
    await headgate.use_cases.advance(first.run_id, worker_report(first.run_id, "check", "failed", error_message="3 rows too few"))
    stages = [a_stage("load", timeout=7), a_stage("check")]
    await headgate.application.change_pipeline()("nightly", {"name": "nightly", "stages": stages, "parameters": schema})
    second = await headgate.use_cases.trigger(parameters={"month": 6})
    await headgate.use_cases.claim(second.run_id)
    await headgate.use_cases.advance(second.run_id, worker_report(second.run_id, "load", "completed", records_processed=12))
    await headgate.use_cases.advance(second.run_id, worker_report(second.run_id, "check", "failed", error_message="9 rows too few"))

    before, after = await headgate.use_cases.get_run(first.run_id), await headgate.use_cases.get_run(second.run_id)
    comparison = build_comparison(before, after, (a_definition(stages=["load", "check"]), a_definition(stages=stages)))

    assert [(item.path, item.before, item.after) for item in comparison.parameters] == [("month", 5, 6)]
    assert [(item.path, item.after) for item in comparison.definition] == [("stages.load.timeout", 7.0)]
    assert [(pair.name, pair.records) for pair in comparison.stages] == [("load", (10, 12)), ("check", (None, None))]
    assert comparison.error is not None
    assert (comparison.error.stage, comparison.error.before, comparison.error.is_alike) == ("check", "3 rows too few", True)


async def test_a_stage_in_only_one_run_has_no_counterpart() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(["a", "b"])
    first = await headgate.use_cases.trigger()
    stages = [a_stage("a"), a_stage("c", command=["publish.sh"])]
    await headgate.application.change_pipeline()("nightly", {"name": "nightly", "stages": stages})
    second = await headgate.use_cases.trigger()

    comparison = build_comparison(
        await headgate.use_cases.get_run(first.run_id),
        await headgate.use_cases.get_run(second.run_id),
        (a_definition(stages=["a", "b"]), a_definition(stages=stages)),
    )

    assert [(pair.name, pair.before is None, pair.after is None) for pair in comparison.stages] == [
        ("a", False, False),
        ("c", True, False),
        ("b", False, True),
    ]
    assert comparison.error is None
