"""Parameters that Headgate refuses for a deployment are those that Prefect would refuse."""

from __future__ import annotations

import datetime
import enum
import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from pydantic import BaseModel, SecretStr

from adapters.system.json_schema.validator import JsonSchemaValidator
from application.ports.dispatch.deployments import Deployment
from application.services.flow_runs.deployment_parameters import KnownParameters, find_parameter_problems
from domain.pipelines.definition import StageDefinition, StageKind


class Mode(enum.Enum):
    FAST = "fast"
    FULL = "full"


class Model(BaseModel):
    depth: int
    rate: float = 0.1
    tags: list[str] = []
    parent: Model | None = None


def train(
    day: datetime.date,
    model: Model,
    at: datetime.datetime = None,  # type: ignore[assignment]  # noqa: RUF013
    limit: int = None,  # type: ignore[assignment]  # noqa: RUF013
    mode: Mode = Mode.FAST,
    key: SecretStr = None,  # type: ignore[assignment]
    choice: int | list[str] = 3,
    window: tuple[int, str] = (1, "d"),
    weights: dict[str, float] = {},  # noqa: B006
    wait: datetime.timedelta = datetime.timedelta(seconds=2),
    anything: Any = None,
) -> None: ...


def load(size: int) -> None: ...


def start() -> None: ...


def spread(first: int, *rest: int, **named: int) -> None: ...


VALID: Final[dict[str, Any]] = {"day": "2026-11-29", "model": {"depth": 3}}
CASES: Final[list[tuple[Callable[..., None], dict[str, Any]]]] = [
    (train, VALID),
    (train, {}),
    (train, {"day": "2026-11-29"}),
    *(
        (train, {**VALID, **changed})
        for changed in (
            {"day": 20261129},
            {"day": "yesterday"},
            {"day": None},
            {"at": "2026-11-29 10:00"},
            {"at": None},
            {"limit": 5},
            {"limit": 5.0},
            {"limit": "5"},
            {"limit": None},
            {"limit": True},
            {"mode": "full"},
            {"mode": "slow"},
            {"key": "k"},
            {"key": 7},
            {"choice": ["a"]},
            {"choice": "a"},
            {"window": [1, "d"]},
            {"window": [1]},
            {"window": ["d", 1]},
            {"weights": {"a": 1}},
            {"weights": {"a": "1"}},
            {"wait": "soon"},
            {"anything": [{"a": None}]},
            {"model": {}},
            {"model": {"depth": "deep"}},
            {"model": {"depth": 1, "parent": {"depth": 2, "parent": {}}}},
            {"model": {"depth": 1, "parent": None, "tags": [1]}},
            {"unknown": 1},
        )
    ),
    *((load, {"size": size}) for size in (1, 1.5, 2**70, "1", None)),
    (start, {}),
    (start, {"a": 1}),
    (spread, {"first": 1, "rest": [], "named": {}}),
    (spread, {"first": 1}),
]


@pytest.mark.parametrize(("flow", "parameters"), CASES)
def test_headgate_refuses_what_prefect_refuses(flow: Callable[..., None], parameters: dict[str, Any]) -> None:
    from prefect.utilities.callables import parameter_schema

    schema = json.loads(parameter_schema(flow).model_dump_json())

    is_refused_by_prefect = _is_refused(parameters, schema)
    problems = find_parameter_problems(
        0,
        StageDefinition("train", StageKind.PREFECT, deployment="ml/train", parameters=parameters),
        Deployment("1", "ml/train", schema),
        KnownParameters(is_run=True),
        JsonSchemaValidator(),
    )

    assert bool(problems) is is_refused_by_prefect, problems


def _is_refused(parameters: dict[str, Any], schema: dict[str, Any]) -> bool:
    """Return whether Prefect's server creates no flow run with these parameters."""
    from prefect.utilities.schema_tools.validation import ValidationError, validate

    try:
        validate(parameters, schema, raise_on_error=True)
    except ValidationError:
        return True
    return False
