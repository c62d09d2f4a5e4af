"""Prefect's deployments, as the API returns them."""

from typing import Any, Self

from pydantic import Field

from application.ports.dispatch.deployments import Deployment
from entrypoints.api.shared.models import ResponseModel, with_example


class DeploymentResponse(ResponseModel):
    """A deployment in Prefect, which stages of kind `prefect` can run."""

    model_config = with_example(
        {
            "name": "ml/train",
            "pool": "k8s",
            "description": "Trains the model on the data of a day.",
            "is_paused": False,
            "parameters": {
                "type": "object",
                "properties": {"day": {"type": "string", "format": "date"}, "rate": {"type": "number", "default": 0.1}},
                "required": ["day"],
            },
            "defaults": {"rate": 0.2},
        }
    )

    name: str = Field(description="FLOW/DEPLOYMENT, as a stage names it.")
    pool: str | None = Field(description="Its work pool; null if a process serves it.")
    description: str
    is_paused: bool = Field(description="True if Prefect starts none of its schedules. Stages start it nevertheless.")
    parameters: dict[str, Any] | None = Field(description="JSON Schema of its parameters; null if Prefect has none.")
    defaults: dict[str, Any] = Field(description="The parameters that the deployment gives its flow runs.")

    @classmethod
    def from_deployment(cls, deployment: Deployment) -> Self:
        """Build the response of a deployment."""
        return cls(
            name=deployment.name,
            pool=deployment.pool,
            description=deployment.description,
            is_paused=deployment.is_paused,
            parameters=dict(deployment.schema) if deployment.schema is not None else None,
            defaults=dict(deployment.defaults),
        )
