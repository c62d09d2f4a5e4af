"""The commands and environments of the processes that `headgate up` runs, and the order in which they stop."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.orchestration.prefect_server import PrefectServer
from adapters.proxies import exempt_local_hosts
from entrypoints.process import parent_watch
from entrypoints.process.command_name import get_command_for_any_folder
from entrypoints.settings import Settings
from entrypoints.supervisor.embedded_prefect import choose_port, read_auth_string
from entrypoints.supervisor.managed_process import ProcessSpec

_ROOT = Path(__file__).resolve().parents[2]
_STOP_ORDER = ("worker", "web", "prefect")
_STOP_SECONDS = {"worker": 8.0, "web": 5.0, "prefect": 6.0}
"""With PostgreSQL's 10 s the sum stays below the 30 s that a stop may take."""
_MAX_DRAIN_SECONDS = 3.0
"""Part of the worker's 8 s. The rest is for ending stages that do not finish."""
_PREFECT_NICENESS = "10"
"""Prefect only records runs; on a small machine it must not slow stages down."""
_MEMORY_VARIABLES = {"MALLOC_ARENA_MAX": "1"}
"""By default, the C library gives each thread memory of its own and keeps what the thread frees: 15 MB in an idle worker and Prefect."""
_DATABASE_VARIABLES = ("HEADGATE_DATABASE_URL", "HEADGATE_PREFECT_DATABASE_URL")


@dataclass(frozen=True, slots=True)
class ServiceAddresses:
    """The addresses at which the processes reach each other. `prefect` is None if an external Prefect server is used."""

    database_url: str
    prefect_api_url: str
    prefect_auth: str | None
    prefect: PrefectServer | None


class ProcessPlan:
    """Builds the specs of all child processes. Secrets are passed in the environment, never in command lines.

    `commands` replaces the command of a process by name, for tests.
    """

    def __init__(self, settings: Settings, examples: bool = True, commands: Mapping[str, list[str]] | None = None) -> None:
        self._settings = settings
        self._examples = examples and settings.pipelines is None
        self._commands = commands or {}
        self.prefect_log = settings.home / "logs" / "prefect.log"

    def resolve_addresses(self, database_url: str, prefect_database_url: str | None) -> ServiceAddresses:
        """Return the addresses of all services. A Prefect server to be started gets a free port, the same as before if possible."""
        settings = self._settings
        auth = settings.prefect_api_auth_string.get_secret_value() if settings.prefect_api_auth_string else None
        if settings.prefect_api_url is not None:
            return ServiceAddresses(database_url, settings.prefect_api_url, auth, None)
        assert prefect_database_url is not None
        auth = auth or read_auth_string(settings.home)
        server = PrefectServer(settings.home, choose_port(settings.home), prefect_database_url, auth)
        return ServiceAddresses(database_url, server.api_url, auth, server)

    def build_specs(self, addresses: ServiceAddresses) -> list[ProcessSpec]:
        """Return the processes in the order of their start: the web first, Prefect last because it starts slowly."""
        shared = self._build_environment(addresses)
        web = shared | {"HEADGATE_DATABASE_URL": addresses.database_url, "HEADGATE_EXAMPLES": str(self._examples).lower()}
        # The public URLs lead through a proxy that may start later, or that this machine may not reach.
        worker = shared | {"HEADGATE_URL": self._settings.local_url, "HEADGATE_WEB_URLS": ""}
        specs = [self._build_headgate_spec("web", web), self._build_headgate_spec("worker", worker)]
        if addresses.prefect is not None:
            specs.append(self._build_prefect_spec(addresses.prefect))
        return specs

    def get_stop_position(self, name: str) -> int:
        """Return the position in the stop order. The worker stops first, while the web can still take its reports."""
        return _STOP_ORDER.index(name)

    def _build_headgate_spec(self, name: str, environment: Mapping[str, str]) -> ProcessSpec:
        argv = self._commands.get(name, [sys.executable, "-P", "-m", "headgate", name])
        return ProcessSpec(name, argv, environment, _STOP_SECONDS[name], has_start_errors=True)

    def _build_prefect_spec(self, server: PrefectServer) -> ProcessSpec:
        """Wrap Prefect's server in the program of parent_watch, since it does not watch its parent itself."""
        command = self._commands.get("prefect", server.argv())
        argv = [sys.executable, "-I", "-S", parent_watch.__file__, "--nice", _PREFECT_NICENESS, "--", *command]
        environment = server.environment(_select_variables_for_prefect(os.environ))
        return ProcessSpec("prefect", argv, environment, _STOP_SECONDS["prefect"], log=self.prefect_log, has_own_group=True)

    def _build_environment(self, addresses: ServiceAddresses) -> dict[str, str]:
        """Return what the web and the worker both need. Database URLs are left out: the worker uses HTTP only."""
        settings = self._settings
        own = {
            "HEADGATE_HOME": str(settings.home),
            "HEADGATE_HOST": settings.host,
            "HEADGATE_PORT": str(settings.port),
            "HEADGATE_URL": settings.public_url,
            "HEADGATE_WORKDIR": str(settings.workdir),
            "HEADGATE_COMMAND": get_command_for_any_folder(),
            "HEADGATE_SECRET": settings.secret_key(),
            "HEADGATE_DRAIN_SECONDS": str(min(settings.drain_seconds, _MAX_DRAIN_SECONDS)),
            "HEADGATE_PREFECT_API_URL": addresses.prefect_api_url,
        }
        if addresses.prefect_auth is not None:
            own["HEADGATE_PREFECT_API_AUTH_STRING"] = addresses.prefect_auth
        inherited = _MEMORY_VARIABLES | {name: value for name, value in os.environ.items() if name not in _DATABASE_VARIABLES}
        inherited = exempt_local_hosts(inherited, [settings.host])
        # The worker's functions import from the user's PYTHONPATH, too; Headgate itself does not.
        python_path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
        return inherited | own | {"PYTHONPATH": python_path, "PYTHONUNBUFFERED": "1"}


def _select_variables_for_prefect(environment: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in environment.items() if not name.startswith("HEADGATE_") and name != "PYTHONPATH"}
    return _MEMORY_VARIABLES | kept
