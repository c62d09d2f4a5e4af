"""Differences between revisions of any size fit on a page."""

from typing import Any

import pytest

from application.queries.views.pipelines import RevisionView, RevisionWithSource
from entrypoints.definitions.definition_text import get_revision_text
from entrypoints.web.view_models.pipelines.revision_diff_lines import MAX_LINE_LENGTH, MAX_SHOWN, build_diff
from tests.fakes.system.clock import START
from tests.support.builders import a_definition, a_stage


def a_revision(number: int, stages: Any, **keys: Any) -> RevisionView:
    return RevisionView(number, a_definition("nightly", stages, **keys), START)


def script(mark: str, lines: int) -> list[dict[str, Any]]:
    text = "\n".join(f"{mark} {index % 7}" for index in range(lines))
    return [a_stage("a", command=text, shell=True)]  # noqa: S604  # a key of the definition


def test_a_changed_line_is_shown_with_three_lines_around_it() -> None:
    stages = [a_stage(f"s{index}", needs=[]) for index in range(20)]
    changed = [stage | ({"retries": 2} if stage["name"] == "s9" else {}) for stage in stages]

    lines = build_diff(a_revision(1, stages), a_revision(2, changed))

    kinds = [line.kind for line in lines]
    assert [line.text.strip() for line in lines if line.kind == "new"] == ["retries: 2"]
    assert kinds[0] == kinds[-1] == "gap" and kinds.count("same") == 6


@pytest.mark.parametrize(
    ("old_source", "new_source", "added"), [(None, None, "retries: 2"), ("old", "new", "new"), (None, "new", "retries: 2")]
)
def test_two_texts_are_compared_or_else_two_definitions(old_source: str | None, new_source: str | None, added: str) -> None:
    old = RevisionWithSource(1, a_definition("nightly", [a_stage("a")]), START, source=old_source)
    new = RevisionWithSource(2, a_definition("nightly", [a_stage("a", retries=2)]), START, source=new_source)

    lines = build_diff(old, new, get_revision_text(new))

    assert [line.text.strip() for line in lines if line.kind == "new"] == [added]
    assert lines == build_diff(old, new)


def test_equal_revisions_have_one_gap() -> None:
    lines = build_diff(a_revision(1, 20), a_revision(2, 20))

    assert [line.kind for line in lines] == ["gap"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (script("a", 16_000), script("b", 16_000)),
        (script("a", 16_000), script("a", 9_000)),
        (1, [a_stage(f"s{index}") for index in range(500)]),
        ([a_stage(f"s{index}", needs=[]) for index in range(500)], [a_stage(f"s{index}", needs=[], timeout=7) for index in range(500)]),
        (1, [a_stage("a", env={f"K{index}": "<" * 900 for index in range(60)})]),
        (1, [a_stage("a", command=["x" * 60_000])]),
    ],
)
def test_a_large_difference_is_cut(before: Any, after: Any) -> None:
    lines = build_diff(a_revision(1, before), a_revision(2, after))

    assert any(line.kind in ("old", "new") for line in lines)
    assert sum(len(line.text) for line in lines) < MAX_SHOWN + 200
    assert max(len(line.text) for line in lines) <= MAX_LINE_LENGTH + 1
