"""Every path, parameter and field of Prefect's REST API that PrefectDeployments relies on is in the API's own description."""

from __future__ import annotations

from typing import Any, Final

import httpx
import pytest

from domain.flow_runs.flow_state import FlowState
from tests.support.prefect_server import RunningPrefect

FLOW_RUN: Final = {
    "id",
    "state_type",
    "state_name",
    "state.type",
    "state.message",
    "state.data",
    "work_pool_name",
    "estimated_run_time",
}
DEPLOYMENT: Final = {
    "id",
    "name",
    "flow_id",
    "parameter_openapi_schema",
    "parameters",
    "work_pool_name",
    "description",
    "paused",
    "entrypoint",
    "enforce_parameter_schema",
}
PAGE: Final = {"limit", "offset", "sort"}
REQUESTS: Final = {
    ("post", "/deployments/filter"): ({*PAGE, "flows.name.any_", "deployments.name.any_"}, DEPLOYMENT),
    ("post", "/flows/filter"): ({"limit", "flows.id.any_"}, {"id", "name"}),
    ("post", "/deployments/{id}/create_flow_run"): ({"name", "parameters", "idempotency_key", "labels"}, {"id"}),
    ("post", "/flow_runs/filter"): (
        {"limit", "flows.name.any_", "flow_runs.id.any_", "flow_runs.idempotency_key.any_"},
        FLOW_RUN,
    ),
    ("get", "/flow_runs/{id}"): (set(), FLOW_RUN),
    ("post", "/flow_runs/{id}/set_state"): ({"state.type", "state.name", "state.message", "force"}, set()),
    ("post", "/logs/filter"): (
        {*PAGE, "logs.flow_run_id.any_", "logs.timestamp.after_", "logs.timestamp.before_"},
        {"id", "timestamp", "level", "message"},
    ),
    ("post", "/artifacts/filter"): ({*PAGE, "artifacts.flow_run_id.any_"}, {"id", "key", "type", "description", "data"}),
    ("get", "/block_documents/{id}"): (set(), {"block_type.slug", "data"}),
    ("post", "/work_pools/filter"): (
        {"limit", "work_pools.name.any_"},
        {"name", "type", "is_paused", "status", "concurrency_limit", "active_slots"},
    ),
}
VALUES: Final = {
    "StateType": {state.value.upper() for state in FlowState},
    "WorkPoolStatus": {"READY", "NOT_READY", "PAUSED"},
    "LogSort": {"TIMESTAMP_ASC"},
    "ArtifactSort": {"CREATED_DESC"},
    "DeploymentSort": {"NAME_ASC"},
}


@pytest.fixture(scope="module")
def api(prefect: RunningPrefect) -> dict[str, Any]:
    user, _, password = prefect.auth_string.partition(":")
    return dict(httpx.get(f"{prefect.api_url}/openapi.json", auth=(user, password), trust_env=False, timeout=120).raise_for_status().json())


def resolve(api: dict[str, Any], schema: Any) -> dict[str, Any]:
    """Return the schema of an object behind references, optional types and lists."""
    while "properties" not in schema:
        if "$ref" in schema:
            schema = api["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif "anyOf" in schema:
            schema = next(each for each in schema["anyOf"] if each.get("type") != "null")
        elif "items" in schema:
            schema = schema["items"]
        elif "allOf" in schema:
            (schema,) = schema["allOf"]
        else:
            return dict(schema)
    return dict(schema)


def has_field(api: dict[str, Any], schema: Any, path: str) -> bool:
    for name in path.split("."):
        properties = resolve(api, schema).get("properties", {})
        if name not in properties:
            return False
        schema = properties[name]
    return True


def find_missing(api: dict[str, Any], schema: Any, paths: set[str]) -> set[str]:
    return {path for path in paths if not has_field(api, schema, path)}


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_prefect_describes_each_request(api: dict[str, Any], method: str, path: str) -> None:
    sent, read = REQUESTS[method, path]
    operation = api["paths"][path][method]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    response = operation["responses"]["200"]["content"]["application/json"]["schema"]

    assert find_missing(api, body, sent) == set()
    assert find_missing(api, response, read) == set()


@pytest.mark.parametrize("name", VALUES)
def test_prefect_knows_the_values(api: dict[str, Any], name: str) -> None:
    assert VALUES[name] - set(api["components"]["schemas"][name]["enum"]) == set()


def test_all_types_of_states_are_known(api: dict[str, Any]) -> None:
    assert set(api["components"]["schemas"]["StateType"]["enum"]) == VALUES["StateType"]


def test_a_field_that_prefect_does_not_have_is_found(api: dict[str, Any]) -> None:
    schema = api["paths"]["/flow_runs/filter"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]

    assert find_missing(api, schema, {"id", "state.mood", "mood"}) == {"state.mood", "mood"}
