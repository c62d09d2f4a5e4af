"""Names of deployments."""

import pytest

from domain.flow_runs.deployment import MAX_NAME_LENGTH, find_name_problem


@pytest.mark.parametrize("name", ["ml/train", "My flow/my deployment", "fluß/größe", "a" * 200 + "/" + "b" * 199])
def test_a_flow_and_a_deployment_name_a_deployment(name: str) -> None:
    assert find_name_problem(name) is None


@pytest.mark.parametrize(
    "name",
    ["", "train", "/train", "ml/", "ml/train/now", "a%/b", "a/b&c", "a/b\n", "a/\x00", "x" * MAX_NAME_LENGTH + "/y", None, 7, ["ml/train"]],
)
def test_what_prefect_accepts_for_no_name_is_a_problem(name: object) -> None:
    assert find_name_problem(name) == "must name a deployment as FLOW/DEPLOYMENT, such as ml/train"
