"""A pipeline's limits in words."""

import pytest

from domain.pipelines.definition import PipelineDefinition
from entrypoints.web.view_models.pipelines.limits import MAX_STAGES, describe_limits
from tests.support.builders import a_definition, a_stage


def texts(definition: PipelineDefinition) -> list[str]:
    return ["".join(part.text for part in sentence) for sentence in describe_limits(definition)]


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        ({"limit": 1}, "At most 1 run at once; more runs wait."),
        ({"limit": 3, "when_full": "skip"}, "At most 3 runs at once; another trigger is refused, and a tick is skipped."),
        ({"limit": 1, "when_full": "cancel_running"}, "At most 1 run at once; a new run replaces the running one."),
        ({"limit": 1, "when_full": "keep_newest"}, "At most 1 run at once; only the newest further run waits."),
        ({"limit": 2, "key": {"parameter": "customer"}}, "At most 2 runs at once for each customer; more runs wait."),
        ({"group": "warehouse", "limit": 4}, "Each run holds a slot of warehouse, of 4; without a free slot more runs wait."),
        ({"group": "warehouse"}, "Each run holds a slot of warehouse; without a free slot more runs wait."),
    ],
)
def test_each_limit_is_a_sentence(limit: dict[str, object], text: str) -> None:
    assert texts(a_definition(concurrency=[limit])) == [text]


def test_stages_name_the_groups_they_use_as_links() -> None:
    definition = a_definition("nightly", [a_stage("load", uses=["warehouse", "mail"])], priority=-5)

    assert texts(definition) == ["load holds a slot of warehouse and mail while it runs.", "Runs have priority -5."]
    assert [part.group for part in describe_limits(definition)[0] if part.group] == ["warehouse", "mail"]


def test_a_pipeline_without_limits_has_no_sentence() -> None:
    assert texts(a_definition()) == []


def test_many_stages_are_counted() -> None:
    definition = a_definition("nightly", [a_stage(f"s{index}", uses=["warehouse"]) for index in range(MAX_STAGES + 2)])

    assert len(texts(definition)) == MAX_STAGES + 1
    assert texts(definition)[-1] == "2 more stages in the definition."
