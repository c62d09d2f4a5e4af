"""`headgate prefect`: run Prefect's own command line with the Prefect server of this installation."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.orchestration.prefect_api_client import PrefectApiClient
from adapters.orchestration.prefect_environment import build_home_variables
from adapters.proxies import exempt_local_hosts
from domain.errors import Unavailable
from entrypoints.process.command_name import get_command
from entrypoints.settings import Settings, SettingsError
from entrypoints.supervisor.embedded_prefect import read_auth_string, read_port

_HEALTH_SECONDS = 2.0
_OTHER_SERVERS = ("PREFECT_API_KEY", "PREFECT_PROFILE")
"""Variables that would make Prefect use another server, or another way to sign in."""


@dataclass(frozen=True, slots=True)
class PrefectAccess:
    """The settings with the URL of the Prefect server, and its auth string. `is_embedded` is True for the one that `headgate up` runs."""

    settings: Settings
    auth_string: str | None
    is_embedded: bool

    @property
    def api_url(self) -> str:
        return self.settings.prefect_api_url or ""


def run_prefect(arguments: Sequence[str]) -> None:
    """Replace this process by Prefect's command line, so that signals and the exit code are its own."""
    access = _find_access(Settings.read())
    _check_health(access)
    environment = build_environment(access, os.environ)
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-P", "-m", "prefect", *arguments], environment)


def print_prefect_access() -> None:
    """Print the URL of Prefect's pages, and the password that they ask for."""
    access = _find_access(Settings.read())
    _check_health(access)
    print(f"Prefect's pages: {access.settings.prefect_pages_url}")
    if access.is_embedded:
        print(f"Password:        {access.auth_string}")
    elif access.auth_string is not None:
        print("Password:        the value of HEADGATE_PREFECT_API_AUTH_STRING")
    print(f"Prefect's commands: {get_command()} prefect ARGS, such as {get_command()} prefect deployment ls")


def build_environment(access: PrefectAccess, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of Prefect's command line. Its other settings are the user's own."""
    variables = {"PREFECT_API_URL": access.api_url, "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false"}
    if access.auth_string is not None:
        variables["PREFECT_API_AUTH_STRING"] = access.auth_string
    kept = {name: value for name, value in inherited.items() if name not in _OTHER_SERVERS and name != "PREFECT_API_AUTH_STRING"}
    if access.is_embedded:
        kept = exempt_local_hosts(kept)
    # Workers that it starts store results in this home, where Headgate reads them.
    return kept | build_home_variables(access.settings.home) | variables


def _find_access(settings: Settings) -> PrefectAccess:
    auth = settings.prefect_api_auth_string.get_secret_value() if settings.prefect_api_auth_string else None
    if settings.prefect_api_url is not None:
        return PrefectAccess(settings, auth, is_embedded=False)
    port = read_port(settings.home)
    if port is None:
        raise SettingsError(
            f"No Prefect server was started with the home {settings.home}: run `headgate up`, or set HEADGATE_HOME or "
            "HEADGATE_PREFECT_API_URL."
        )
    running = settings.model_copy(update={"prefect_api_url": f"http://127.0.0.1:{port}/api"})
    return PrefectAccess(running, auth or read_auth_string(settings.home), is_embedded=True)


def _check_health(access: PrefectAccess) -> None:
    if not asyncio.run(_is_healthy(access)):
        advice = "is `headgate up` running, for 25 s or longer?" if access.is_embedded else "is HEADGATE_PREFECT_API_URL right?"
        raise Unavailable(f"Prefect does not respond at {access.api_url}: {advice}")


async def _is_healthy(access: PrefectAccess) -> bool:
    client = PrefectApiClient(access.api_url, access.auth_string)
    try:
        return await client.is_healthy(_HEALTH_SECONDS)
    finally:
        await client.close()
