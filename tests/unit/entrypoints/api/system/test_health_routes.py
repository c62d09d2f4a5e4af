"""The liveness and readiness probes."""

from tests.support.in_process import InProcessHeadgate


async def test_the_probes_report_the_database_prefect_and_workers(headgate: InProcessHeadgate) -> None:
    headgate.fakes.orchestrator.is_down = True

    assert (await headgate.client.get("/livez")).json() == {"status": "alive"}
    ready = await headgate.client.get("/readyz")

    assert ready.status_code == 200
    assert ready.json() == {"status": "ready", "database": "up", "prefect": "down", "workers": {"count": 0, "slots": 0, "free": 0}}


async def test_without_a_database_readiness_is_503_with_retry_after(headgate: InProcessHeadgate) -> None:
    headgate.fakes.store.is_down = True

    ready = await headgate.client.get("/readyz")
    read = await headgate.client.get("/pipelines/")
    write = await headgate.client.post("/trigger/flights")

    assert (ready.status_code, ready.json()["database"]) == (503, "down")
    for answer in (ready, read, write):
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
    assert (await headgate.client.get("/livez")).status_code == 200

    headgate.fakes.store.is_down = False

    assert (await headgate.client.get("/pipelines/")).status_code == 200


async def test_a_server_that_is_starting_is_not_ready(headgate: InProcessHeadgate) -> None:
    headgate.app.state.why_not_ready = "The examples are being registered."

    ready = await headgate.client.get("/readyz")

    assert (ready.status_code, ready.json()["detail"]) == (503, "The examples are being registered.")
