"""The pages say what of a report could not be stored, for failures, too."""

import pytest

from tests.support.in_process import InProcessHeadgate

NOTE = "Not stored as reported: output.mean is NaN and was stored as null."


async def report(headgate: InProcessHeadgate, status: str, **more: str) -> int:
    await headgate.api.create_pipeline("ext", {"name": "load", "kind": "external"}, {"name": "check", "kind": "external"})
    run_id = await headgate.api.trigger("ext")
    texts = "".join(f', "{name}": "{text}"' for name, text in more.items())
    body = f'{{"run_id": {run_id}, "stage_name": "load", "status": "{status}", "output": {{"mean": NaN}}{texts}}}'
    assert (await headgate.client.post("/status-update/", content=body)).status_code == 200
    return run_id


@pytest.mark.parametrize("status", ["running", "completed", "failed", "cancelled", "skipped"])
async def test_the_page_of_a_stage_shows_the_note(headgate: InProcessHeadgate, status: str) -> None:
    run_id = await report(headgate, status)

    assert NOTE in (await headgate.page_client.get(f"/ui/runs/{run_id}/stages/load")).text


async def test_the_page_of_a_stage_shows_the_error_and_the_note(headgate: InProcessHeadgate) -> None:
    run_id = await report(headgate, "failed", error_message="no rows", message="3 of 4 files")

    page = (await headgate.page_client.get(f"/ui/runs/{run_id}/stages/load")).text

    assert all(text in page for text in ("no rows", "3 of 4 files", NOTE))


async def test_the_history_of_a_run_shows_the_note_of_an_end(headgate: InProcessHeadgate) -> None:
    run_id = await report(headgate, "completed")

    page = (await headgate.page_client.get(f"/ui/runs/{run_id}")).text

    assert f"completed: {NOTE}" in page


async def test_an_earlier_message_is_not_shown_as_that_of_the_end(headgate: InProcessHeadgate) -> None:
    run_id = await report(headgate, "running")
    await headgate.api.report(run_id=run_id, stage_name="load", status="completed")

    (end,) = [event for event in (await headgate.client.get(f"/runs/{run_id}/events")).json() if event["status"] == "completed"]

    assert "message" not in end["data"]
