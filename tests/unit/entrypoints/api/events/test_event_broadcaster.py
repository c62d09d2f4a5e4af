"""Live streams: what came before, then what happens, without a gap or a repeat."""

import asyncio
from typing import Any

import orjson
import pytest

from entrypoints.api.events.event_broadcaster import EventBroadcaster
from tests.support.api_harness import ApiHarness, open_stream
from tests.support.worker_requests import claim_dispatch


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 (a deadline, and nothing to wait on)
            await asyncio.sleep(0)


async def test_a_runs_stream_has_its_history_and_then_what_happens(house: ApiHarness) -> None:
    await house.create()
    run_id = await house.trigger()

    async with open_stream(house, f"/runs/{run_id}/events") as viewer:
        await viewer.until("id: 3\n")
        await house.report(pipeline_id=1, stage_name="certify", status="completed")
        await house.publish_changes()
        await viewer.until("id: 5\n")

        assert viewer.status == 200
        assert viewer.ids == ["1", "2", "3", "4", "5"]
        assert viewer.text.startswith('id: 1\nevent: run.opened\ndata: {"run_id":1,')
        assert not viewer.ended
    assert house.hub.viewer_count == 0


async def test_a_runs_stream_goes_on_after_the_last_event_id(house: ApiHarness) -> None:
    await house.create()
    run_id = await house.trigger()

    async with open_stream(house, f"/runs/{run_id}/events", {"last-event-id": "2"}, "after=1") as viewer:
        await viewer.until("id: 3\n")

        assert viewer.ids == ["3"]


async def test_a_hole_in_what_the_hub_brings_is_filled_from_the_store(house: ApiHarness) -> None:
    await house.create()
    run_id = await house.trigger()

    async with open_stream(house, f"/runs/{run_id}/events") as viewer:
        await viewer.until("id: 3\n")
        await house.report(pipeline_id=1, stage_name="certify", status="running")
        await house.start_change_feed()  # the feed's reader was away, and passes over one event
        await house.report(pipeline_id=1, stage_name="certify", status="completed")
        await house.publish_changes()
        await viewer.until("id: 7\n")

        assert viewer.ids == [str(seq) for seq in range(1, 8)]


@pytest.mark.parametrize("lag", [0, 1, 2, 3])
async def test_everything_resumes_without_a_gap_or_a_repeat_wherever_the_feeds_reader_stands(house: ApiHarness, lag: int) -> None:
    """The reader of this process lags behind the viewer's place, stands at it, or is ahead of it."""
    await house.create("one", {"name": "a", "kind": "external"})
    await house.trigger("one")
    for _ in range(lag):
        await house.publish_changes()
        await house.trigger("one")
    cursor = (await house.fakes.change_feed.read("fake:0", 2)).cursor

    async with open_stream(house, "/events/", {"last-event-id": cursor}) as viewer:
        await viewer.until("id: ")
        await until(lambda: house.hub.viewer_count == 1)
        await house.trigger("one")
        await house.publish_changes()
        last = house.fakes.store.journal[-1]
        await viewer.until(f'"run_id":{last.run_id},"seq":{last.seq},')

        assert _facts(viewer.text) == [(event.run_id, event.seq) for event in house.fakes.store.journal[2:]]
        assert viewer.ids[-1] == f"fake:{len(house.fakes.store.journal)}"


async def test_a_viewer_far_behind_gets_all_of_it(house: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entrypoints.http.streaming.stream_catch_up.PAGE_SIZE", 4)
    await house.create()
    for _ in range(5):
        await house.trigger()
        await house.publish_changes()

    async with open_stream(house, "/events/", query="after=fake:0") as viewer:
        await viewer.until('"run_id":5,"seq":3,')

        assert _facts(viewer.text) == [(event.run_id, event.seq) for event in house.fakes.store.journal]


async def test_a_new_viewer_of_everything_gets_its_place_at_once(house: ApiHarness) -> None:
    async with open_stream(house, "/events/") as viewer:
        await viewer.until("id: fake:0\n\n")


async def test_streams_that_cannot_be_are_refused_before_they_start(house: ApiHarness) -> None:
    sse = {"Accept": "text/event-stream"}
    await house.create()
    await house.trigger()

    assert (await house.client.get("/runs/99/events", headers=sse)).status_code == 404
    assert (await house.client.get("/runs/99/logs", headers=sse)).status_code == 404
    for path in ("/runs/1/events", "/runs/1/logs", "/events/"):
        answer = await house.client.get(path, headers={**sse, "Last-Event-ID": "x"})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Last-Event-ID")


async def test_a_silent_stream_says_that_it_lives(house: ApiHarness) -> None:
    house.app.state.live = EventBroadcaster(house.hub, heartbeat=0.01)
    await house.create()
    await house.trigger()

    for path in ("/events/", "/runs/1/events", "/runs/1/logs"):
        async with open_stream(house, path) as viewer:
            await viewer.until(": ping\n\n", 2)


async def test_a_viewer_too_slow_is_ended_and_the_rest_go_on(house: ApiHarness) -> None:
    await house.create()
    run_id = await house.trigger()
    async with open_stream(house, "/events/") as viewer:
        await viewer.until("id: ")
        with house.hub.subscribe() as slow:
            for number in range(300):
                await house.report(pipeline_id=1, stage_name="certify", status="running", records_processed=number)
                await house.publish_changes()
                await asyncio.sleep(0)
            await viewer.until(f'"run_id":{run_id},"seq":304,')
            with pytest.raises(EOFError):
                await slow.next_batch(1)
        assert not viewer.ended


async def test_streams_end_when_the_hub_closes(house: ApiHarness) -> None:
    await house.create()
    await house.trigger()

    async with open_stream(house, "/events/") as one, open_stream(house, "/runs/1/logs") as two:
        await until(lambda: house.hub.viewer_count == 2)
        house.hub.close()
        await until(lambda: one.ended and two.ended)


async def test_a_batch_is_encoded_once_for_all_its_viewers(house: ApiHarness, mocker: Any) -> None:
    await house.create()
    encoded = mocker.spy(__import__("entrypoints.api.events.event_broadcaster", fromlist=["x"]), "everything")

    async with open_stream(house, "/events/") as one, open_stream(house, "/events/") as two:
        await until(lambda: house.hub.viewer_count == 2)
        await house.trigger()
        await house.publish_changes()
        assert (await one.until("run.moved")) == (await two.until("run.moved"))

    assert encoded.call_count == 1


async def test_log_lines_are_read_in_pages_followed_live_and_kept_as_text(house: ApiHarness) -> None:
    await house.create("work", {"name": "a", "command": ["true"]})
    run_id = await house.trigger("work")
    await claim_dispatch(house)

    async def write(index: int, text: str) -> None:
        lines = [[index, "2026-03-02T09:00:00Z", "stdout", text]]
        body = {"run_id": run_id, "stage": "a", "attempt": 1, "lines": lines}
        assert (await house.client.post("/worker/logs", json=body, headers=house.worker_token)).json() == {"stored": 1}

    await write(0, "one")
    await write(1, "two\0\u00e9")
    async with open_stream(house, f"/runs/{run_id}/logs", {"last-event-id": "1"}) as viewer:
        await viewer.until("id: 2\n")
        await write(2, "three")
        await house.publish_changes(logs=(run_id,))
        await viewer.until("id: 3\n")
        assert viewer.ids == ["2", "3"]

    page = await house.client.get(f"/runs/{run_id}/logs?stage=a&attempt=1&after=1&limit=1")
    text = await house.client.get(f"/runs/{run_id}/logs?stage=a", headers={"Accept": "text/plain"})
    mixed = await house.client.get(f"/runs/{run_id}/logs", headers={"Accept": "text/plain"})

    assert [(line["n"], line["text"]) for line in page.json()] == [(2, "two\ufffd\u00e9")]
    assert text.text == "one\ntwo\ufffd\u00e9\nthree\n"
    assert text.headers["content-disposition"] == 'attachment; filename="work-1-a.log"'
    assert mixed.text.startswith("a | one\n")
    assert (await house.client.get(f"/runs/{run_id}/logs?stage=b")).status_code == 404
    assert (await house.client.get(f"/runs/{run_id}/logs?attempt=0")).status_code == 422


def _facts(text: str) -> list[tuple[int, int]]:
    data = [orjson.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    return [(event["run_id"], event["seq"]) for event in data]
