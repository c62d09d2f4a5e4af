import json

import pytest

from adapters.orchestration.prefect_parameters import quote_parameters
from application.ports.dispatch.orchestrator import FlowRunRejected


def test_plain_parameters_are_sent_as_they_are() -> None:
    parameters = {"day": 3, "files": ["a", {"b": None}], "options": {"deep": {"x": 1.5}}}

    assert quote_parameters(parameters) == parameters


@pytest.mark.parametrize("kind", ["jinja", "workspace_variable", "json", "none", 5])
def test_an_object_that_prefect_would_replace_is_sent_as_json_text(kind: object) -> None:
    odd = {"__prefect_kind": kind, "variable_name": "password"}

    quoted = quote_parameters({"day": odd, "list": [{"inner": odd}]})

    assert quoted["day"] == {"__prefect_kind": "json", "value": json.dumps(odd)}
    assert quoted["list"] == [{"inner": quoted["day"]}]


def test_no_parameter_makes_prefect_replace_all_of_them() -> None:
    with pytest.raises(FlowRunRejected):
        quote_parameters({"__prefect_kind": "workspace_variable", "variable_name": "password"})
