"""Compare stages of kind `prefect` with their deployments."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest

from adapters.system.json_schema.validator import JsonSchemaValidator
from application.services.flow_runs.deployment_checks import MAX_WARNINGS, DeploymentChecks
from application.services.flow_runs.deployment_lookup import DeploymentLookup
from domain.errors import FieldProblem, InvalidInput
from domain.pipelines.definition import PipelineDefinition
from domain.pipelines.parsing import parse_definition
from tests.fakes.dispatch.deployments import FakeDeployments

SCHEMA: Final[dict[str, Any]] = {
    "title": "Parameters",
    "type": "object",
    "properties": {
        "day": {"type": "string", "title": "day", "position": 0},
        "rate": {"type": "number", "title": "rate", "position": 1, "default": None},
        "model": {"$ref": "#/definitions/Model", "title": "model", "position": 2},
    },
    "required": ["day"],
    "definitions": {"Model": {"type": "object", "properties": {"depth": {"type": "integer"}}, "required": ["depth"]}},
}
"""As Prefect makes it from the signature of a flow: `rate: float = None` has a default that does not fit its type."""
RUN_PARAMETERS: Final = {
    "type": "object",
    "properties": {"date": {"type": "string"}, "rate": {"type": "number", "default": 0.5}, "depth": {}, "extra": {}},
}


class Checks:
    """The checks with a fake Prefect that has the deployment ml/train."""

    def __init__(self, schema: Mapping[str, Any] | None = SCHEMA, **deployment: Any) -> None:
        self.prefect = FakeDeployments()
        self.prefect.add("ml/train", schema, **deployment)
        self._checks = DeploymentChecks(DeploymentLookup(self.prefect), JsonSchemaValidator())

    async def check_definition(self, parameters: Mapping[str, Any], deployment: str = "ml/train") -> list[str]:
        return await self._checks.check_definition(a_pipeline(parameters, deployment))

    async def find_definition_problems(self, parameters: Mapping[str, Any], deployment: str = "ml/train") -> dict[str, str]:
        try:
            await self.check_definition(parameters, deployment)
        except InvalidInput as error:
            return {problem.field: problem.message for problem in error.problems}
        return {}

    async def find_run_problems(self, template: Mapping[str, Any], *approvals: dict[str, Any], **parameters: Any) -> dict[str, str]:
        definition = a_pipeline(template, "ml/train", *approvals)
        try:
            await self._checks.check_parameters(definition, parameters)
        except InvalidInput as error:
            return {problem.field: problem.message for problem in error.problems}
        return {}


def a_pipeline(parameters: Mapping[str, Any], deployment: str, *stages: dict[str, Any]) -> PipelineDefinition:
    listed = [
        {"name": "load", "command": ["true"]},
        *stages,
        {"name": "train", "deployment": deployment, "parameters": dict(parameters)},
    ]
    return parse_definition({"name": "nightly", "parameters": RUN_PARAMETERS, "stages": listed})


async def test_a_definition_that_fits_its_deployment_has_no_warning() -> None:
    assert await Checks().check_definition({"day": {"parameter": "date"}, "model": {"depth": 3}}) == []


async def test_an_unknown_deployment_is_refused() -> None:
    problems = await Checks().find_definition_problems({}, deployment="ml/test")

    assert problems == {"stages[1].deployment": "Prefect has no deployment ml/test"}


async def test_values_that_break_the_schema_are_refused_at_their_place() -> None:
    problems = await Checks().find_definition_problems({"day": 7, "model": {"depth": "deep"}})

    assert list(problems) == ["stages[1].parameters.day", "stages[1].parameters.model.depth"]
    assert problems["stages[1].parameters.day"] == '7 is not of type "string" (deployment ml/train)'


async def test_a_missing_parameter_is_refused() -> None:
    assert await Checks().find_definition_problems({"rate": 1}) == {"stages[1].parameters.day": "is required (deployment ml/train)"}


async def test_the_defaults_of_the_deployment_count_as_given() -> None:
    assert await Checks(defaults={"day": "2026-11-29"}).find_definition_problems({}) == {}
    assert await Checks(defaults={"day": 7}).find_definition_problems({}) != {}


async def test_references_are_not_checked_before_there_is_a_run() -> None:
    checks = Checks({**SCHEMA, "required": ["day", "model"], "minProperties": 2})

    problems = await checks.find_definition_problems({"day": {"parameter": "date"}, "model": {"depth": {"parameter": "depth"}}})

    assert problems == {}


async def test_a_parameter_that_the_flow_does_not_have_is_a_warning() -> None:
    warnings = await Checks().check_definition({"day": "x", "rat": 1})

    assert warnings == ["stages[1].parameters.rat: the deployment ml/train has no parameter of this name."]


async def test_a_silent_prefect_is_a_warning() -> None:
    checks = Checks()
    checks.prefect.is_down = True

    assert await checks.check_definition({"day": 7}) == ["Prefect does not respond, so the deployment ml/train was not checked."]


async def test_the_parameters_of_a_run_are_checked_with_their_defaults_filled_in() -> None:
    template = {"day": {"parameter": "date"}, "rate": {"parameter": "rate"}}

    assert await Checks().find_run_problems(template, date="2026-11-29") == {}
    assert await Checks().find_run_problems(template, date="2026-11-29", rate=2) == {}


async def test_a_problem_has_the_field_of_the_runs_parameter() -> None:
    template = {"day": {"parameter": "date"}, "model": {"parameter": "extra"}}

    problems = await Checks().find_run_problems(template, date=20261129, extra={"depth": "deep"})

    assert list(problems) == ["parameters.date", "parameters.extra.depth"]


async def test_a_problem_deeper_in_the_definition_has_its_field() -> None:
    problems = await Checks().find_run_problems({"day": "x", "model": {"depth": {"parameter": "depth"}}}, depth="deep")

    assert list(problems) == ["stages[1].parameters.model.depth"]


async def test_a_parameter_that_the_run_does_not_have_is_left_to_the_deployment() -> None:
    template = {"day": {"parameter": "date"}}

    assert await Checks().find_run_problems(template) == {"parameters.date": "is required (deployment ml/train)"}
    assert await Checks(defaults={"day": "2026-11-29"}).find_run_problems(template) == {}


@pytest.mark.parametrize("fields", [{"type": "object", "properties": {"date": {"type": "string"}}}, {"type": "object"}])
async def test_what_approvals_fill_in_is_not_checked_before(fields: dict[str, Any]) -> None:
    approval = {"name": "ask", "kind": "approval", "fields": fields}

    problems = await Checks().find_run_problems({"day": {"parameter": "date"}, "rate": "fast"}, approval)

    assert list(problems) == ["stages[2].parameters.rate"]


async def test_an_approval_can_replace_a_parameter_of_the_run() -> None:
    approval = {"name": "ask", "kind": "approval", "fields": {"type": "object", "properties": {"date": {"type": "string"}}}}

    assert await Checks().find_run_problems({"day": {"parameter": "date"}}, approval, date=7) == {}


async def test_a_silent_prefect_refuses_no_run() -> None:
    checks = Checks()
    checks.prefect.is_down = True

    assert await checks.find_run_problems({"day": 7}) == {}


async def test_an_unknown_deployment_refuses_no_run() -> None:
    """An earlier stage of the run can create it."""
    checks = Checks()
    checks.prefect.remove("ml/train")

    assert await checks.find_run_problems({"day": 7}) == {}


async def test_null_is_accepted_for_what_is_optional_and_has_no_default() -> None:
    schema = {**SCHEMA, "properties": {**SCHEMA["properties"], "size": {"type": "integer"}}}

    assert await Checks(schema).find_run_problems({"day": "x", "size": None}) == {}
    assert list(await Checks(schema).find_run_problems({"day": "x", "rate": None})) == ["stages[1].parameters.rate"]
    assert list(await Checks(schema).find_run_problems({"day": None})) == ["stages[1].parameters.day"]


async def test_a_default_that_prefect_computes_is_not_checked() -> None:
    checks = Checks(defaults={"day": {"__prefect_kind": "jinja", "template": "{{ now }}"}})

    assert await checks.find_run_problems({}) == {}
    assert list(await checks.find_run_problems({"day": 7})) == ["stages[1].parameters.day"]
    assert list(await checks.find_run_problems({"day": {"__prefect_kind": "jinja"}})) == ["stages[1].parameters.day"]


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {"type": "object", "properties": {"day": {"$ref": "#/definitions/Lost"}}},
        {"type": "object", "properties": {"day": {"$ref": "https://example.com/day.json"}}},
        {"type": "object", "allOf": [{"$ref": "#"}]},
        {"properties": 7},
        {"properties": {"day": {"type": "text"}}},
    ],
)
async def test_a_schema_that_cannot_be_used_refuses_nothing(schema: dict[str, Any] | None) -> None:
    checks = Checks(schema)

    assert await checks.find_definition_problems({"day": 7}) == {}
    assert await checks.find_run_problems({"day": 7}) == {}


async def test_the_number_of_warnings_is_limited() -> None:
    warnings = await Checks().check_definition({"day": "x", **{f"p{number}": 1 for number in range(2 * MAX_WARNINGS)}})

    assert len(warnings) == MAX_WARNINGS


class SlowSchemas(JsonSchemaValidator):
    """Each check takes 0.4 seconds of the clock `now`."""

    def __init__(self) -> None:
        self.now = 0.0

    def find_foreign_problems(self, values: Mapping[str, Any], schema: Mapping[str, Any]) -> Sequence[FieldProblem] | None:
        self.now += 0.4
        return super().find_foreign_problems(values, schema)


async def test_a_check_of_many_stages_ends_after_a_second() -> None:
    prefect, schemas = FakeDeployments(), SlowSchemas()
    prefect.add("ml/train", SCHEMA)
    checks = DeploymentChecks(DeploymentLookup(prefect), schemas, lambda: schemas.now)
    stages = [{"name": f"train{number}", "deployment": "ml/train", "parameters": {"day": 7}} for number in range(9)]

    with pytest.raises(InvalidInput) as refusal:
        await checks.check_definition(parse_definition({"name": "nightly", "stages": stages}))

    assert [problem.field for problem in refusal.value.problems] == [f"stages[{number}].parameters.day" for number in range(3)]


async def test_a_deployment_that_accepts_everything_refuses_nothing() -> None:
    assert await Checks(is_strict=False).find_run_problems({"day": 7}) == {}


async def test_formats_are_left_to_the_flow() -> None:
    """Prefect does not check them, and a flow reads more forms of a time than the format has."""
    schema = {"type": "object", "properties": {"day": {"type": "string", "format": "date-time"}}}

    assert await Checks(schema).find_run_problems({"day": "2026-11-29 10:00"}) == {}
