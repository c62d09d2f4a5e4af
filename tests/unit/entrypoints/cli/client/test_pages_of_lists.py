"""The client reads lists of any length."""

from entrypoints.cli.client.headgate_client import HeadgateClient
from tests.support.in_process import InProcessHeadgate
from tests.support.servers import LoopServer


async def test_a_list_is_read_page_by_page() -> None:
    headgate = InProcessHeadgate()
    names = [f"group-{number}".ljust(100, "x") for number in range(5)]
    for number, name in enumerate(names):
        stage = {"name": "a", "kind": "external"}
        await headgate.api.create_pipeline(f"pipeline-{number}", stage, concurrency=[{"group": name, "limit": 1}])
    server = LoopServer(headgate.app)
    await server.start()
    try:
        async with HeadgateClient(server.url) as client:
            groups = await client.get_all("/groups/", page_size=2)
    finally:
        await server.stop()

    assert [group["name"] for group in groups] == names
