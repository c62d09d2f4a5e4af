"""Large and invalid bodies are answered with few problems."""

import json
from typing import Any

import pytest

from domain.pipelines.field_parser import MAX_PROBLEMS
from tests.support.in_process import InProcessHeadgate

STAGE = {"name": "a", "command": ["true"]}
MANY = [f"y{index}" for index in range(50_000)]
DEFINITIONS: dict[str, dict[str, Any]] = {
    "unknown needs": {"stages": [STAGE | {"needs": MANY}]},
    "unknown keys of stages": {"stages": [STAGE | {f"k{index}": 1 for index in range(200)}] * 100},
    "equal names": {"stages": [STAGE] * 500},
    "stages that are no objects": {"stages": [1] * 500},
    "NUL characters": {"stages": [STAGE], "parameters": {"a": ["half a pair \ud800"] * 1_000}},
}


@pytest.mark.parametrize("kind", DEFINITIONS)
async def test_a_definition_with_thousands_of_problems_names_the_first_hundred(headgate: InProcessHeadgate, kind: str) -> None:
    answer = await headgate.client.post("/pipelines/", content=json.dumps({"name": "new"} | DEFINITIONS[kind]).encode())

    assert answer.status_code == 422
    assert len(answer.json()["errors"]) <= MAX_PROBLEMS + 1
    assert len(answer.content) < 50_000


@pytest.mark.parametrize("path", ["/pipelines/", "/trigger/flights", "/status-update/", "/status-update/batch", "/accounts/", "/tokens/"])
async def test_a_body_with_thousands_of_keys_is_refused_in_one_sentence(headgate: InProcessHeadgate, path: str) -> None:
    answer = await headgate.client.post(path, json={f"k{index}": 1 for index in range(50_000)})

    assert answer.status_code == 422
    assert answer.json()["detail"] == "body: has more than 100 keys"
    assert len(answer.content) < 1_000


async def test_a_large_definition_is_stored_as_a_small_one_is(headgate: InProcessHeadgate) -> None:
    stages = [{"name": f"s{index}", "command": ["true"], "needs": [f"s{before}" for before in range(index)]} for index in range(200)]

    answer = await headgate.client.post("/pipelines/", json={"name": "large", "stages": stages})

    assert answer.status_code == 201
    assert [stage["needs"] for stage in answer.json()["stages"]] == [stage["needs"] for stage in stages]
