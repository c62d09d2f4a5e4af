"""Live streams send stored events first, then new ones, without a gap or a repetition."""

import asyncio
from typing import Any

import orjson
import pytest

from application.ports.queries.change_feed import ChangeBatch
from application.queries.views.events import EventView
from domain.site_events import SiteEventType
from entrypoints.api.events.event_broadcaster import EventBroadcaster
from entrypoints.api.events.event_encoding import EncodedBatchCache
from entrypoints.api.logs.log_tail import LogTail
from tests.support.event_streams import open_stream
from tests.support.in_process import InProcessHeadgate
from tests.support.worker_requests import claim_dispatch


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 (a deadline, and nothing to wait on)
            await asyncio.sleep(0)


async def test_a_runs_stream_sends_its_history_and_then_new_events(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    run_id = await headgate.api.trigger()

    async with open_stream(headgate, f"/runs/{run_id}/events") as viewer:
        await viewer.until("id: 3\n")
        await headgate.api.report(pipeline_id=1, stage_name="certify", status="completed")
        await headgate.publish_changes()
        await viewer.until("id: 5\n")

        assert viewer.status == 200
        assert viewer.ids == ["1", "2", "3", "4", "5"]
        assert viewer.text.startswith('id: 1\nevent: run.opened\ndata: {"run_id":1,')
        assert not viewer.ended
    assert headgate.hub.viewer_count == 0


async def test_a_runs_stream_resumes_after_the_last_event_id(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    run_id = await headgate.api.trigger()

    async with open_stream(headgate, f"/runs/{run_id}/events", {"last-event-id": "2"}, "after=1") as viewer:
        await viewer.until("id: 3\n")

        assert viewer.ids == ["3"]


async def test_a_gap_in_the_hubs_batches_is_filled_from_the_database(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    run_id = await headgate.api.trigger()

    async with open_stream(headgate, f"/runs/{run_id}/events") as viewer:
        await viewer.until("id: 3\n")
        await headgate.api.report(pipeline_id=1, stage_name="certify", status="running")
        await headgate.start_change_feed()  # the feed's reader skips one event
        await headgate.api.report(pipeline_id=1, stage_name="certify", status="completed")
        await headgate.publish_changes()
        await viewer.until("id: 7\n")

        assert viewer.ids == [str(seq) for seq in range(1, 8)]


@pytest.mark.parametrize("lag", [0, 1, 2, 3])
async def test_all_events_resume_without_a_gap_or_a_repetition(headgate: InProcessHeadgate, lag: int) -> None:
    """The reader of this process is behind the viewer's cursor, at it, or ahead of it."""
    await headgate.api.create_pipeline("one", {"name": "a", "kind": "external"})
    await headgate.api.trigger("one")
    for _ in range(lag):
        await headgate.publish_changes()
        await headgate.api.trigger("one")
    cursor = (await headgate.fakes.change_feed.read("fake:0", 2)).cursor

    async with open_stream(headgate, "/events/", {"last-event-id": cursor}) as viewer:
        await viewer.until("id: ")
        await until(lambda: headgate.hub.viewer_count == 1)
        await headgate.api.trigger("one")
        await headgate.publish_changes()
        last = headgate.fakes.store.journal[-1]
        assert isinstance(last, EventView)
        await viewer.until(f'"run_id":{last.run_id},"seq":{last.seq},')

        assert parse_events(viewer.text) == list_events(headgate, 2)
        assert viewer.ids[-1] == f"fake:{len(headgate.fakes.store.journal)}"


async def test_a_viewer_far_behind_receives_every_event(headgate: InProcessHeadgate) -> None:
    headgate.app.state.event_broadcaster = EventBroadcaster(headgate.hub, page_size=4)
    await headgate.api.create_pipeline()
    for _ in range(5):
        await headgate.api.trigger()
        await headgate.publish_changes()

    async with open_stream(headgate, "/events/", query="after=fake:0") as viewer:
        await viewer.until('"run_id":5,"seq":3,')

        assert parse_events(viewer.text) == list_events(headgate)


async def test_all_events_include_those_of_pipelines_in_the_same_cursor(headgate: InProcessHeadgate) -> None:
    async with open_stream(headgate, "/events/") as viewer:
        await until(lambda: headgate.hub.viewer_count == 1)
        await headgate.api.create_pipeline("one", {"name": "a", "kind": "external"})
        await headgate.publish_changes()
        await viewer.until('"type":"pipeline.changed"')

        (line,) = [line for line in viewer.text.splitlines() if line.startswith("data: ")]
        event = orjson.loads(line[6:])
        assert viewer.text.endswith("\nid: fake:1\nevent: pipeline.changed\n" + line + "\n\n")
        assert event.keys() == {"id", "type", "at", "pipeline_id", "actor", "data"}
        assert (event["pipeline_id"], event["data"]) == (1, {"name": "one", "revision": 1, "created": True})

    async with open_stream(headgate, "/events/", {"last-event-id": "fake:0"}) as resumed:
        await resumed.until('"type":"pipeline.changed"')
        assert parse_events(resumed.text) == [(0, event["id"])]


async def test_the_documentation_of_the_stream_names_every_type_that_belongs_to_no_run(headgate: InProcessHeadgate) -> None:
    document = (await headgate.client.get("/openapi.json")).json()

    text = document["paths"]["/events/"]["get"]["description"]
    assert [type.value for type in SiteEventType if f"`{type.value}`" not in text] == []


async def test_a_new_viewer_of_all_events_receives_its_cursor_first(headgate: InProcessHeadgate) -> None:
    async with open_stream(headgate, "/events/") as viewer:
        await viewer.until("id: fake:0\n\n")


async def test_an_invalid_stream_request_is_refused_before_the_stream(headgate: InProcessHeadgate) -> None:
    sse = {"Accept": "text/event-stream"}
    await headgate.api.create_pipeline()
    await headgate.api.trigger()

    assert (await headgate.client.get("/runs/99/events", headers=sse)).status_code == 404
    assert (await headgate.client.get("/runs/99/logs", headers=sse)).status_code == 404
    for path in ("/runs/1/events", "/runs/1/logs", "/events/"):
        answer = await headgate.client.get(path, headers={**sse, "Last-Event-ID": "x"})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Last-Event-ID")


async def test_a_silent_stream_sends_heartbeats(headgate: InProcessHeadgate) -> None:
    headgate.app.state.event_broadcaster = EventBroadcaster(headgate.hub, heartbeat=0.01)
    headgate.app.state.log_tail = LogTail(headgate.hub, heartbeat=0.01)
    await headgate.api.create_pipeline()
    await headgate.api.trigger()

    for path in ("/events/", "/runs/1/events", "/runs/1/logs"):
        async with open_stream(headgate, path) as viewer:
            await viewer.until(": ping\n\n", 2)


async def test_a_slow_viewer_is_disconnected_and_the_others_continue(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    run_id = await headgate.api.trigger()
    async with open_stream(headgate, "/events/") as viewer:
        await viewer.until("id: ")
        with headgate.hub.subscribe() as slow:
            for number in range(300):
                await headgate.api.report(pipeline_id=1, stage_name="certify", status="running", records_processed=number)
                await headgate.publish_changes()
                await asyncio.sleep(0)
            await viewer.until(f'"run_id":{run_id},"seq":304,')
            with pytest.raises(EOFError):
                await slow.next_batch(1)
        assert not viewer.ended


async def test_streams_end_when_the_hub_closes(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    await headgate.api.trigger()

    async with open_stream(headgate, "/events/") as one, open_stream(headgate, "/runs/1/logs") as two:
        await until(lambda: headgate.hub.viewer_count == 2)
        headgate.hub.close()
        await until(lambda: one.ended and two.ended)


async def test_two_viewers_receive_the_same_bytes(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()

    async with open_stream(headgate, "/events/") as one, open_stream(headgate, "/events/") as two:
        await until(lambda: headgate.hub.viewer_count == 2)
        await headgate.api.trigger()
        await headgate.publish_changes()
        assert (await one.until("run.moved")) == (await two.until("run.moved"))


def test_a_batch_is_encoded_once_for_all_its_viewers() -> None:
    batches, batch = EncodedBatchCache(), ChangeBatch([], "1", ())

    assert batches.get(batch) is batches.get(batch)


async def test_a_log_is_available_as_pages_as_a_stream_and_as_text(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("work", {"name": "a", "command": ["true"]})
    run_id = await headgate.api.trigger("work")
    await claim_dispatch(headgate)

    async def write(index: int, text: str) -> None:
        lines = [[index, "2026-03-02T09:00:00Z", "stdout", text]]
        body = {"run_id": run_id, "stage": "a", "attempt": 1, "lines": lines}
        assert (await headgate.client.post("/worker/logs", json=body, headers=headgate.api.worker_headers)).json() == {"stored": 1}

    await write(0, "one")
    await write(1, "two\0\u00e9")
    async with open_stream(headgate, f"/runs/{run_id}/logs", {"last-event-id": "1"}) as viewer:
        await viewer.until("id: 2\n")
        await write(2, "three")
        await headgate.publish_changes(logs=(run_id,))
        await viewer.until("id: 3\n")
        assert viewer.ids == ["2", "3"]

    page = await headgate.client.get(f"/runs/{run_id}/logs?stage=a&attempt=1&after=1&limit=1")
    text = await headgate.client.get(f"/runs/{run_id}/logs?stage=a", headers={"Accept": "text/plain"})
    mixed = await headgate.client.get(f"/runs/{run_id}/logs", headers={"Accept": "text/plain"})

    assert [(line["n"], line["text"]) for line in page.json()] == [(2, "two\ufffd\u00e9")]
    assert [line.partition("  ")[2] for line in text.text.splitlines()] == [
        f"a[1] stdout  {line}" for line in ("one", "two\ufffd\u00e9", "three")
    ]
    assert text.headers["content-disposition"] == 'attachment; filename="work-1-a.log"'
    assert mixed.text == text.text
    assert (await headgate.client.get(f"/runs/{run_id}/logs?stage=b")).status_code == 404
    assert (await headgate.client.get(f"/runs/{run_id}/logs?attempt=0")).status_code == 422


def parse_events(text: str) -> list[tuple[int, int]]:
    data = [orjson.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    return [(event["run_id"], event["seq"]) if "run_id" in event else (0, event["id"]) for event in data]


def list_events(headgate: InProcessHeadgate, start: int = 0) -> list[tuple[int, int]]:
    """Return the stored events as `parse_events` returns them, (0, id) for those that belong to no run."""
    facts = headgate.fakes.store.journal[start:]
    return [(fact.run_id, fact.seq) if isinstance(fact, EventView) else (0, fact.id) for fact in facts if not isinstance(fact, int)]
