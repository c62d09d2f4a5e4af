"""The list of Prefect's deployments."""

from typing import Any

from entrypoints.api.deployments.models import DeploymentResponse
from entrypoints.api.shared.dependencies import ApplicationDep
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.routing import create_router
from entrypoints.http.auth.permissions import READ, requires

router = create_router("deployments")
_UNAVAILABLE: dict[int | str, dict[str, Any]] = {
    503: problems(503)[503] | {"description": "Prefect does not respond; try again after `Retry-After` seconds"}
}


@router.get("/prefect/deployments", summary="List Prefect's deployments", responses=_UNAVAILABLE)
@requires(READ)
async def list_deployments(application: ApplicationDep) -> list[DeploymentResponse]:
    """Return the deployments that stages of kind `prefect` can run, by name.

    A change in Prefect shows within 3 s. 503 if Prefect does not respond within 2 s.
    """
    return [DeploymentResponse.from_deployment(deployment) for deployment in await application.deployment_lookup().list_all()]
