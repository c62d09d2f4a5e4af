"""The liveness and readiness probes."""

from entrypoints.http.readiness import EXAMPLES_PENDING, describe_refused_folder
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
    headgate.app.state.why_not_ready = EXAMPLES_PENDING

    ready = await headgate.client.get("/readyz")

    assert (ready.status_code, ready.json()["reason"]) == (503, "examples_pending")
    assert ready.json()["detail"] == "Headgate is registering the example pipelines."


async def test_a_low_disk_is_not_ready() -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.disk_space.sentence = "The disk of Headgate's home has 3 MiB left."

    ready = await headgate.client.get("/readyz")
    triggered = await headgate.client.post("/trigger/flights")

    assert (ready.status_code, ready.json()["reason"]) == (503, "disk_low")
    assert ready.json()["detail"] == "The disk of Headgate's home has 3 MiB left."
    assert (triggered.status_code, triggered.json()["problem"]) == (507, "disk_low")


async def test_only_a_headgate_without_sign_in_shows_the_problems_of_its_folder_to_anyone(headgate: InProcessHeadgate) -> None:
    problems = ["night.yaml: line 2: stages: must be a list", "other.yaml: the file is empty"]

    headgate.app.state.why_not_ready = describe_refused_folder(problems, is_open=True)
    shown = (await headgate.client.get("/readyz")).json()
    headgate.app.state.why_not_ready = describe_refused_folder(problems, is_open=False)
    hidden = (await headgate.client.get("/readyz")).json()

    assert "night.yaml: line 2: stages: must be a list (and 1 more)" in shown["detail"]
    assert "night" not in hidden["detail"] and "2 definitions were refused" in hidden["detail"]
    assert (hidden["reason"], hidden["problems"]) == ("pipelines_pending", 2)
