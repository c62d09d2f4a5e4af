"""The deployments that forms suggest."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import Request

from application.ports.dispatch.deployments import Deployment
from domain.errors import Unavailable
from entrypoints.web.lookups import get_application

WAIT_SECONDS: Final = 1.0
"""How long a page waits for Prefect."""
MAX_CHOICES: Final = 500
MAX_NAMES: Final = 20
MAX_NAME_LENGTH: Final = 100


@dataclass(frozen=True, slots=True)
class DeploymentChoice:
    """A deployment. `parameters` names those that its flow has; a star marks the required ones."""

    name: str
    pool: str
    parameters: str


async def load_deployments(request: Request) -> Sequence[DeploymentChoice]:
    """Return Prefect's deployments by name, at most MAX_CHOICES of them; none if Prefect does not respond within WAIT_SECONDS."""
    listing = asyncio.ensure_future(get_application(request).deployment_lookup().list_all())
    listing.add_done_callback(_note_result)
    # The lookup goes on without the page, so that it remembers that Prefect does not respond.
    await asyncio.wait({listing}, timeout=WAIT_SECONDS)
    if not listing.done():
        return ()
    try:
        return [_build_choice(deployment) for deployment in listing.result()[:MAX_CHOICES]]
    except Unavailable:
        return ()


def _build_choice(deployment: Deployment) -> DeploymentChoice:
    schema = deployment.schema or {}
    properties, required = schema.get("properties"), schema.get("required")
    names = [str(name)[:MAX_NAME_LENGTH] for name in properties] if isinstance(properties, Mapping) else []
    missing = set(required if isinstance(required, list) else ()) - set(deployment.defaults)
    shown = [f"{name}*" if name in missing else name for name in names[:MAX_NAMES]]
    more = f" and {len(names) - MAX_NAMES:,} more" if len(names) > MAX_NAMES else ""
    return DeploymentChoice(deployment.name, deployment.pool or "", ", ".join(shown) + more)


def _note_result(listing: "asyncio.Future[Sequence[Deployment]]") -> None:
    """Read the result, so that a failure that no page waits for is not reported as an error."""
    if not listing.cancelled():
        listing.exception()
