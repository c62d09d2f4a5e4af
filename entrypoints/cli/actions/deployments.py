"""List Prefect's deployments."""

from collections.abc import Mapping, Sequence
from typing import Any

from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.output import print_json
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.cli.screens.tables import print_table
from entrypoints.process.command_name import get_command

JsonObject = Mapping[str, Any]


async def show_deployments(url: str, as_json: bool, wide: bool = False) -> int:
    """Show the deployments by name, with their pools and parameters. Raise ApiError if Prefect does not respond."""
    async with HeadgateClient(url) as client:
        deployments = await client.get("/prefect/deployments")
    if as_json:
        print_json(deployments)
    elif deployments:
        print_table([_build_row(deployment) for deployment in deployments], wide=wide)
    else:
        print("Prefect has no deployments. Create one with: " + get_command() + " prefect deploy")
    return 0


def _build_row(deployment: JsonObject) -> Sequence[str]:
    pool = f"pool {deployment['pool']}" if deployment["pool"] else "served by a process"
    first_line = (deployment["description"].strip().splitlines() or [""])[0]
    return [sanitize(deployment["name"]), sanitize(pool), sanitize(_describe_parameters(deployment)), sanitize(first_line)]


def _describe_parameters(deployment: JsonObject) -> str:
    """Return the names of the parameters, those that have to be given with a star."""
    schema = deployment["parameters"] or {}
    required, defaults = schema.get("required") or (), deployment["defaults"]
    return ", ".join(f"{name}*" if name in required and name not in defaults else name for name in schema.get("properties") or ())
