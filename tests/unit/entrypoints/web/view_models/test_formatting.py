"""Formatting of numbers, durations and times."""

import re

import pytest

from application.queries.explain.durations import format_duration
from entrypoints.definitions.revision_diff import diff_revisions
from entrypoints.web.view_models.formatting import format_difference
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import AttemptStory


def test_revision_changes_show_whole_seconds_with_their_unit() -> None:
    old = {"stages": [{"name": "a", "timeout": 60.0, "retry_delay": 0.0}]}
    new = {"stages": [{"name": "a", "timeout": 90.5, "retry_delay": 5.0}]}

    assert diff_revisions(old, new) == ["changed stage a (retry_delay 0 s → 5 s, timeout 60 s → 90.5 s)"]


def test_a_difference_shows_whole_numbers_without_a_fraction() -> None:
    assert format_difference(60.0, 7.5, None) == ("60", "7.5")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0 s"),
        (0.0002, "1 ms"),
        (0.031, "31 ms"),
        (0.1, "0.1 s"),
        (9.96, "10 s"),
        (59.7, "1 m"),
        (134, "2 m 14 s"),
        (273_600, "3 d 4 h"),
    ],
)
def test_durations_are_formatted_for_people(value: float, words: str) -> None:
    assert format_duration(value) == words


async def test_the_waterfall_of_a_short_run_has_a_scale_in_milliseconds(headgate: InProcessHeadgate) -> None:
    nightly = await headgate.stories.add_pipeline(stages=[a_stage("first"), a_stage("second", needs=["first"])])
    run_id = await headgate.stories.play_run(
        nightly, headgate.fakes.clock.now(), {name: [AttemptStory(works=0.020)] for name in ("first", "second")}
    )

    page = (await headgate.page_client.get(f"/ui/runs/{run_id}")).text

    assert "Completed in 40 ms." in page
    ticks = re.findall(r"\d+ m?s(?=</text>)", page)
    assert {"10 ms", "20 ms", "30 ms"} <= set(ticks), ticks


async def test_a_time_in_the_status_text_is_marked_up_for_local_time(headgate: InProcessHeadgate) -> None:
    await headgate.stories.add_pipeline(stages=[a_stage("agree", "approval")])
    await headgate.page_client.post("/trigger/nightly")

    sentence = (await headgate.page_client.get("/ui/runs/1")).text.split('<p class="status-text">')[1].split("</p>")[0]

    assert 'since <time datetime="' in sentence
    assert 'data-show="moment">' in sentence and " UTC</time>" in sentence
