from typing import Any

import pytest

from domain.concurrency.bucket import Bucket, get_run_buckets, get_stage_buckets
from domain.concurrency.definition import ConcurrencyLimit
from domain.pipelines.definition import PipelineDefinition, StageDefinition, StageKind

LONG = "x" * 199


def a_definition(*limits: ConcurrencyLimit) -> PipelineDefinition:
    return PipelineDefinition("sales", (StageDefinition("load", StageKind.COMMAND),), concurrency=limits)


def get_key_bucket(parameters: dict[str, Any]) -> str:
    (bucket,) = get_run_buckets(7, a_definition(ConcurrencyLimit(1, key="customer")), parameters)
    assert bucket.limit_name == "pipeline:7:customer"
    return bucket.name


def test_a_run_has_one_bucket_for_each_limit_in_the_order_of_names() -> None:
    definition = a_definition(
        ConcurrencyLimit(1), ConcurrencyLimit(1, key="customer"), ConcurrencyLimit(4, "warehouse"), ConcurrencyLimit(1, "a")
    )

    assert get_run_buckets(7, definition, {"customer": "acme"}) == (
        Bucket("group:a", "group:a"),
        Bucket("group:warehouse", "group:warehouse"),
        Bucket("pipeline:7", "pipeline:7"),
        Bucket('pipeline:7:customer:"acme"', "pipeline:7:customer"),
    )


def test_a_stage_has_one_bucket_for_each_group_in_the_order_of_names() -> None:
    assert get_stage_buckets(StageDefinition("a", StageKind.COMMAND, uses=("b", "a"))) == (
        Bucket("group:a", "group:a"),
        Bucket("group:b", "group:b"),
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [(1, 1.0), (10**22, 1e22), (0, -0.0), ({"a": 1, "b": [2.0]}, {"b": [2], "a": 1.0}), ("x" * 5_000, "x" * 5_000), ([1], (1,))],
)
def test_equal_values_share_a_bucket(first: object, second: object) -> None:
    assert get_key_bucket({"customer": first}) == get_key_bucket({"customer": second})


def test_different_values_have_buckets_of_their_own() -> None:
    values = [
        "",
        "a",
        "A",
        "missing",
        '"missing"',
        "null",
        None,
        1,
        "1",
        1.5,
        True,
        False,
        0,
        [],
        {},
        [[]],
        {"a": 1},
        [1],
        LONG,
        LONG + "x",
        "ü",
    ]
    names = [get_key_bucket({"customer": value}) for value in values] + [get_key_bucket({}), get_key_bucket({"other": 1})]

    assert names[-1] == names[-2] == "pipeline:7:customer:missing"
    assert len(set(names)) == len(values) + 1
    assert max(map(len, names)) < 300
