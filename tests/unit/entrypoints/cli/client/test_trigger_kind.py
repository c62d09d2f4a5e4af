"""Runs that the command line starts are recorded as triggered from a terminal."""

from entrypoints.cli.client.headgate_client import HeadgateClient
from tests.support.in_process import InProcessHeadgate
from tests.support.servers import LoopServer


async def test_a_run_of_the_command_line_is_one_of_a_terminal_on_its_page_and_in_the_audit_log() -> None:
    headgate = InProcessHeadgate()
    await headgate.stories.add_pipeline()
    server = LoopServer(headgate.app)
    await server.start()
    try:
        async with HeadgateClient(server.url) as client:
            triggered = await client.post("/trigger/nightly", {})
            again = await client.post(f"/runs/{triggered['run_id']}/again", {})
    finally:
        await server.stop()

    by_terminal = (await headgate.client.get("/runs/", params={"trigger": "cli"})).json()
    by_api = (await headgate.client.get("/runs/", params={"trigger": "api"})).json()
    page = (await headgate.page_client.get("/ui/runs?trigger=cli")).text
    audit = (await headgate.client.get("/audit/")).json()

    assert [run["id"] for run in by_terminal] == [again["run_id"], triggered["run_id"]]
    assert by_api == []
    assert page.count("From a terminal") >= 2
    assert [entry["details"]["by"] for entry in audit if "by" in entry["details"]] == ["cli", "cli"]
