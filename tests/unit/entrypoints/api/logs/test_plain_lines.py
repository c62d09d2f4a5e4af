"""The API returns the text of a line without colours, and with its stage, attempt, time and stream."""

from __future__ import annotations

import json

from application.ports.persistence.logs import NewLogLine
from domain.runs.attempt_log import LogLimit
from tests.support.event_streams import open_stream
from tests.support.in_process import InProcessHeadgate

COLOURED = "\x1b[31merror\x1b[0m 42"


async def a_run(headgate: InProcessHeadgate) -> int:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline("nightly", ["a"]))
    await headgate.stories.append_log(run_id, "a", [f"!{COLOURED}", "%a \x1b[1mnote"])
    return run_id


async def test_a_line_is_plain_unless_raw_lines_are_asked_for(headgate: InProcessHeadgate) -> None:
    run_id = await a_run(headgate)

    plain = (await headgate.client.get(f"/runs/{run_id}/logs")).json()
    raw = (await headgate.client.get(f"/runs/{run_id}/logs?raw=true")).json()

    assert [line["text"] for line in plain] == ["error 42", "a note"]
    assert [line["text"] for line in raw] == [COLOURED, "a \x1b[1mnote"]
    assert [(line["stage"], line["attempt"], line["stream"]) for line in plain] == [("a", 1, "stderr"), ("a", 1, "headgate")]
    assert plain[0]["at"].endswith("Z")


async def test_a_stream_of_lines_is_plain_unless_raw_lines_are_asked_for(headgate: InProcessHeadgate) -> None:
    run_id = await a_run(headgate)

    for query, text in (("", "error 42"), ("raw=true", COLOURED)):
        async with open_stream(headgate, f"/runs/{run_id}/logs", query=query) as viewer:
            await viewer.until(f'"text":{json.dumps(text)}')


async def test_a_text_file_has_time_stage_attempt_and_stream_of_each_line(headgate: InProcessHeadgate) -> None:
    run_id = await a_run(headgate)

    answer = await headgate.client.get(f"/runs/{run_id}/logs", headers={"Accept": "text/plain"})

    assert answer.text == "2026-03-02T09:00:00.000Z  a[1] stderr  error 42\n2026-03-02T09:00:00.317Z  a[1] headgate  a note\n"


async def test_a_line_says_whether_its_order_is_approximate(headgate: InProcessHeadgate) -> None:
    run_id = await a_run(headgate)
    async with headgate.fakes.open_unit_of_work() as work:
        line = NewLogLine(2, headgate.fakes.clock.now(), "stdout", "out", is_order_approximate=True)
        await work.logs.append(run_id, "a", 1, [line], LogLimit(1_000))
        await work.commit()

    lines = (await headgate.client.get(f"/runs/{run_id}/logs")).json()

    assert [line["order_approximate"] for line in lines] == [False, False, True]
