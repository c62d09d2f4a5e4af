"""Compare stages of kind `prefect` with the deployments that they run."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from application.ports.dispatch.deployments import Deployment
from application.ports.system.parameter_schemas import ParameterSchemas
from application.services.flow_runs.deployment_lookup import DeploymentLookup
from application.services.flow_runs.deployment_parameters import KnownParameters, find_parameter_problems, find_unknown_parameters
from domain.errors import FieldProblem, InvalidInput
from domain.name_lists import format_names
from domain.pipelines.definition import PipelineDefinition, StageDefinition, StageKind
from domain.pipelines.field_parser import MAX_PROBLEMS

CHECK_SECONDS: Final = 1.0
"""The longest time for the parameters of one definition. Those of further stages are left to the orchestrator."""
MAX_WARNINGS: Final = 100
_Stage = tuple[int, StageDefinition, str]
"""A stage of kind `prefect` with its index and the name of its deployment."""


def has_deployments(definition: PipelineDefinition) -> bool:
    """Return True if the pipeline has stages of kind `prefect`."""
    return any(stage.kind is StageKind.PREFECT for stage in definition.stages)


@dataclass(frozen=True, slots=True)
class DeploymentChecks:
    """Checks deployments and their parameters. It asks the orchestrator, so it must not be called inside a transaction.

    If the orchestrator does not respond in time, nothing is refused. Definitions without stages of kind `prefect` take no request.
    """

    lookup: DeploymentLookup
    schemas: ParameterSchemas
    monotonic: Callable[[], float] = time.monotonic

    async def check_definition(self, definition: PipelineDefinition) -> list[str]:
        """Return warnings. Raise InvalidInput for unknown deployments, and for values that break a deployment's schema in every run."""
        stages = _list_stages(definition)
        if not stages:
            return []
        found = await self.lookup.find_all(dict.fromkeys(name for _, _, name in stages))
        problems = [
            FieldProblem(f"stages[{index}].deployment", f"Prefect has no deployment {name}")
            for index, _, name in stages
            if name in found and found[name] is None
        ]
        problems += await self._find_parameter_problems(stages, found, KnownParameters())
        if problems:
            raise InvalidInput(problems)
        unchecked = _describe_unchecked([name for _, _, name in stages if name not in found])
        known = [(index, stage, deployment) for index, stage, name in stages if (deployment := found.get(name)) is not None]
        unknown = (sentence for each in known for sentence in find_unknown_parameters(*each))
        return [*unchecked, *islice(unknown, MAX_WARNINGS)]

    async def check_parameters(self, definition: PipelineDefinition, parameters: Mapping[str, Any]) -> None:
        """Raise InvalidInput if the parameters of a run break the schema of a deployment.

        Values that come from approvals are not known yet, so they are not checked. An unknown deployment is no problem of the parameters:
        its stage fails, unless an earlier stage creates the deployment.
        """
        stages = _list_stages(definition)
        if not stages:
            return
        found = await self.lookup.find_all(dict.fromkeys(name for _, _, name in stages))
        filled = self.schemas.apply_defaults(parameters, definition.parameters)
        if problems := await self._find_parameter_problems(stages, found, KnownParameters.of_run(definition, filled)):
            raise InvalidInput(problems)

    async def _find_parameter_problems(
        self, stages: Sequence[_Stage], found: Mapping[str, Deployment | None], known: KnownParameters
    ) -> list[FieldProblem]:
        """Check the stages in a thread, so that other tasks run meanwhile: each of 500 stages can pass large parameters on."""

        def find() -> list[FieldProblem]:
            problems: dict[FieldProblem, None] = {}
            until = self.monotonic() + CHECK_SECONDS
            for index, stage, name in stages:
                if self.monotonic() > until or len(problems) >= MAX_PROBLEMS:
                    break
                if (deployment := found.get(name)) is not None:
                    problems |= dict.fromkeys(find_parameter_problems(index, stage, deployment, known, self.schemas))
            return list(problems)

        return await asyncio.to_thread(find)


def _list_stages(definition: PipelineDefinition) -> list[_Stage]:
    return [(index, stage, stage.deployment) for index, stage in enumerate(definition.stages) if stage.deployment is not None]


def _describe_unchecked(deployments: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys(deployments))
    if not names:
        return []
    subject = f"the deployment {names[0]} was" if len(names) == 1 else f"the deployments {format_names(names)} were"
    return [f"Prefect does not respond, so {subject} not checked."]
