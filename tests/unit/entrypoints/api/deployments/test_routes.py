"""Prefect's deployments over the API, and the stages that run them."""

from typing import Any, Final

from domain.flow_runs.flow_state import FlowState
from tests.support.flow_run_stories import FLOW_RUN, created, observed
from tests.support.in_process import InProcessHeadgate

TRAIN: Final = {"name": "train", "deployment": "ml/train", "parameters": {"day": {"parameter": "day"}}}
SCHEMA: Final = {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]}
DAY: Final = {"type": "object", "properties": {"day": {}}}


def a_pipeline(**keys: Any) -> dict[str, Any]:
    return {"name": "nightly", "stages": [TRAIN], "parameters": DAY, **keys}


async def test_deployments_are_listed_by_name(headgate: InProcessHeadgate) -> None:
    headgate.fakes.deployments.add("ml/train", SCHEMA, description="Trains", defaults={"day": "today"})
    headgate.fakes.deployments.add("etl/load", None, pool=None, is_paused=True)

    answer = await headgate.client.get("/prefect/deployments")

    assert answer.status_code == 200
    assert answer.json() == [
        {"name": "etl/load", "pool": None, "description": "", "is_paused": True, "parameters": None, "defaults": {}},
        {
            "name": "ml/train",
            "pool": "k8s",
            "description": "Trains",
            "is_paused": False,
            "parameters": SCHEMA,
            "defaults": {"day": "today"},
        },
    ]


async def test_a_silent_prefect_is_503_with_a_sentence(headgate: InProcessHeadgate) -> None:
    headgate.fakes.deployments.is_down = True

    answer = await headgate.client.get("/prefect/deployments")

    assert (answer.status_code, answer.json()["problem"]) == (503, "unavailable")
    assert answer.json()["detail"] == "Prefect does not respond."
    assert int(answer.headers["retry-after"]) >= 1


async def test_an_unknown_deployment_is_422_at_its_field(headgate: InProcessHeadgate) -> None:
    answer = await headgate.client.post("/pipelines/", json=a_pipeline())

    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "stages[0].deployment", "message": "Prefect has no deployment ml/train"}]


async def test_a_pipeline_that_was_not_checked_is_created_with_a_warning(headgate: InProcessHeadgate) -> None:
    headgate.fakes.deployments.is_down = True
    key = {"Idempotency-Key": "once"}

    created = await headgate.client.post("/pipelines/", json=a_pipeline(), headers=key)
    replayed = await headgate.client.post("/pipelines/", json=a_pipeline(), headers=key)
    changed = await headgate.client.put("/pipelines/nightly", json=a_pipeline(description="Trains"))

    assert (created.status_code, changed.status_code) == (201, 200)
    assert created.json()["warnings"] == ["Prefect does not respond, so the deployment ml/train was not checked."]
    assert created.json()["warnings"] == replayed.json()["warnings"] == changed.json()["warnings"]
    assert "warnings" not in (await headgate.client.get("/pipelines/nightly")).json()


async def test_a_pipeline_shows_what_its_stage_runs(headgate: InProcessHeadgate) -> None:
    headgate.fakes.deployments.add("ml/train", SCHEMA)

    (stage,) = (await headgate.client.post("/pipelines/", json=a_pipeline())).json()["stages"]

    assert {key: stage[key] for key in ("kind", "deployment", "parameters", "on_cancel")} == {
        "kind": "prefect",
        "deployment": "ml/train",
        "parameters": {"day": {"parameter": "day"}},
        "on_cancel": "cancel",
    }


async def test_a_stage_shows_its_flow_run_and_why_it_waits() -> None:
    async with InProcessHeadgate(prefect_api_url="http://127.0.0.1:4200/api") as headgate:
        headgate.fakes.deployments.add("ml/train", SCHEMA)
        await headgate.client.post("/pipelines/", json=a_pipeline())
        (never_run,) = (await headgate.client.get("/pipelines/nightly/stages")).json()
        run_id = await headgate.api.trigger("nightly", day="today")
        (requested,) = (await headgate.client.get(f"/runs/{run_id}/stages")).json()
        now = headgate.fakes.clock.now()
        await change(headgate, run_id, created("train", now))
        await change(headgate, run_id, observed("train", FlowState.SCHEDULED, now, "Late", problem="pool k8s has no worker"))

        (stage,) = (await headgate.client.get(f"/runs/{run_id}/stages")).json()

        assert never_run["prefect"] == {**dict.fromkeys(stage["prefect"]), "deployment": "ml/train"}
        assert requested["prefect"]["why"] == "Headgate is creating its flow run in Prefect"
        assert stage["status"] == "queued"
        assert stage["prefect"] == {
            "deployment": "ml/train",
            "flow_run_id": FLOW_RUN,
            "state": "scheduled",
            "state_name": "Late",
            "pool": "k8s",
            "problem": "pool k8s has no worker",
            "why": "pool k8s has no worker",
            "url": f"http://127.0.0.1:4200/v2/runs/flow-run/{FLOW_RUN}",
        }
        assert (await headgate.client.get("/pipelines/nightly/stages")).json() == [stage]


async def test_other_stages_have_no_flow_run(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    run_id = await headgate.api.trigger()

    (stage,) = (await headgate.client.get(f"/runs/{run_id}/stages")).json()

    assert stage["prefect"] is None


async def change(headgate: InProcessHeadgate, run_id: int, apply: Any) -> None:
    async with headgate.fakes.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        apply(run)
        await work.runs.save(run)
        await work.commit()
