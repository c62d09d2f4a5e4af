"""Check the parameters of a stage of kind `prefect` against the schema of its deployment."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from application.ports.dispatch.deployments import Deployment
from application.ports.system.parameter_schemas import ParameterSchemas
from domain.errors import FieldProblem
from domain.pipelines.definition import PipelineDefinition, StageDefinition
from domain.pipelines.parameter_references import find_references, get_reference, resolve_parameters

_PLACEHOLDER: Final = "__prefect_kind"
"""The key of defaults that Prefect computes when it creates the flow run, such as variables and templates."""
_KEYWORDS_OF_PROPERTIES: Final = frozenset(
    {"type", "properties", "patternProperties", "additionalProperties", "required", "definitions", "$defs"}
)
"""The keywords that apply to each property by itself."""


@dataclass(frozen=True, slots=True)
class KnownParameters:
    """The parameters of a run, as far as they are known before it starts. Without a run, none are."""

    values: Mapping[str, Any] = field(default_factory=dict)
    is_run: bool = False
    from_approvals: Collection[str] = ()
    has_approvals: bool = False

    @classmethod
    def of_run(cls, definition: PipelineDefinition, values: Mapping[str, Any]) -> Self:
        """Return the parameters of a new run. Its approvals can replace and add some later."""
        schemas = [stage.fields for stage in definition.stages if stage.fields is not None]
        names = {name for schema in schemas for name in _get_properties(schema)}
        return cls(values, is_run=True, from_approvals=names, has_approvals=bool(schemas))

    def is_known(self, name: str) -> bool:
        """Return True if the value of the parameter, or that it has none, is known."""
        if not self.is_run or name in self.from_approvals:
            return False
        return name in self.values or not self.has_approvals


def find_parameter_problems(
    index: int, stage: StageDefinition, deployment: Deployment, known: KnownParameters, schemas: ParameterSchemas
) -> list[FieldProblem]:
    """Return what is wrong with the parameters that the deployment would get. Parameters that are not known yet are left out.

    A problem of a value that is a parameter of the run has its field; others have a field such as `stages[2].parameters.day`.
    """
    if deployment.schema is None or not deployment.is_strict:
        return []
    template = stage.parameters or {}
    unknown = {key for key, part in template.items() if not all(map(known.is_known, find_references(part)))}
    complete = {key: part for key, part in template.items() if key not in unknown}
    given = resolve_parameters(complete, known.values)
    unknown |= {key for key, value in deployment.defaults.items() if key not in given and _has_placeholder(value)}
    values = {**deployment.defaults, **given}
    required = deployment.schema.get("required")
    required = required if isinstance(required, list) else []
    properties = _get_properties(deployment.schema)
    accepted = {key for key, value in values.items() if value is None and key not in required and _is_nullable(properties.get(key))}
    checked = {key: value for key, value in values.items() if key not in unknown and key not in accepted}
    schema = _without_properties(deployment.schema, required, unknown) if unknown else deployment.schema
    problems = schemas.find_foreign_problems(checked, schema) or ()
    return [
        FieldProblem(_find_field(index, template, problem.field), f"{problem.message} (deployment {deployment.name})")
        for problem in problems
    ]


def find_unknown_parameters(index: int, stage: StageDefinition, deployment: Deployment) -> list[str]:
    """Return a sentence for each parameter that the deployment's flow does not have."""
    schema = deployment.schema or {}
    if "properties" not in schema or schema.get("additionalProperties") or schema.get("patternProperties"):
        return []
    names = [key for key in stage.parameters or {} if key not in _get_properties(schema)]
    return [f"stages[{index}].parameters.{name}: the deployment {deployment.name} has no parameter of this name." for name in names]


def _find_field(index: int, template: Mapping[str, Any], field: str) -> str:
    """Return the field of a problem in the definition, or that of the run's parameter which is the value."""
    for key, part in template.items():
        path = f"parameters.{key}"
        if (name := get_reference(part)) is not None and (field == path or field.startswith((f"{path}.", f"{path}["))):
            return f"parameters.{name}{field.removeprefix(path)}"
    return f"stages[{index}].{field}"


def _without_properties(schema: Mapping[str, Any], required: list[Any], names: Collection[str]) -> Mapping[str, Any]:
    """Return the schema of an object in which these properties are missing."""
    kept = {keyword: value for keyword, value in schema.items() if keyword in _KEYWORDS_OF_PROPERTIES}
    return kept | {"required": [name for name in required if name not in names]}


def _is_nullable(schema: Any) -> bool:
    """Return True if Prefect accepts null for an optional parameter with this schema, whatever its type."""
    return isinstance(schema, Mapping) and "type" in schema and "default" not in schema


def _has_placeholder(value: Any) -> bool:
    if isinstance(value, Mapping):
        return _PLACEHOLDER in value or any(map(_has_placeholder, value.values()))
    return isinstance(value, list) and any(map(_has_placeholder, value))


def _get_properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else {}
