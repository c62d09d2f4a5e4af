"""What `headgate up` runs, with which environment, and in which order it stops."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.orchestration.prefect_server import PrefectServer
from adapters.system.network import find_free_port
from entrypoints.process import parent_watch
from entrypoints.secret_file import read_or_create_secret
from entrypoints.settings import Settings
from entrypoints.supervisor.managed_process import ProcessSpec

_ROOT = Path(__file__).resolve().parents[2]
_STOP_ORDER = ("worker", "web", "prefect")
# Together with PostgreSQL's 10 s they stay within the 30 s that a stop may take.
_STOP_SECONDS = {"worker": 8.0, "web": 5.0, "prefect": 6.0}
# Of the worker's 8 s; the rest is for ending what does not finish.
_DRAIN_SECONDS = 3.0
# Prefect keeps the record, beside: on a small machine it must not take time from stages.
_PREFECT_NICE = "10"


@dataclass(frozen=True, slots=True)
class ServiceAddresses:
    """Where the parts find each other. `prefect` is set when the server is ours."""

    database_url: str
    prefect_api_url: str
    prefect_auth: str | None
    prefect: PrefectServer | None


class ProcessPlan:
    """The commands and environments of the children of one `up`. Secrets travel by environment, never by argv."""

    def __init__(self, settings: Settings, examples: bool = True, commands: Mapping[str, list[str]] | None = None) -> None:
        self._settings = settings
        self._examples = examples
        self._commands = commands or {}
        self.prefect_log = settings.home / "logs" / "prefect.log"

    def addresses(self, database_url: str, prefect_database_url: str | None) -> ServiceAddresses:
        """Where everything will be; a Prefect server of ours gets a port that is free now."""
        settings = self._settings
        auth = settings.prefect_api_auth_string.get_secret_value() if settings.prefect_api_auth_string else None
        if settings.prefect_api_url is not None:
            return ServiceAddresses(database_url, settings.prefect_api_url, auth, None)
        assert prefect_database_url is not None
        auth = auth or f"headgate:{read_or_create_secret(settings.home / 'prefect-password')}"
        server = PrefectServer(settings.home, find_free_port(), prefect_database_url, auth)
        return ServiceAddresses(database_url, server.api_url, auth, server)

    def children(self, addresses: ServiceAddresses) -> list[ProcessSpec]:
        """In the order of their start: the page first, Prefect's slow boot last."""
        shared = self._shared_environment(addresses)
        web = shared | {"HEADGATE_DATABASE_URL": addresses.database_url, "HEADGATE_EXAMPLES": str(self._examples).lower()}
        specs = [self._ours("web", web), self._ours("worker", shared)]
        if addresses.prefect is not None:
            specs.append(self._prefect(addresses.prefect))
        return specs

    def stop_order(self, name: str) -> int:
        """Lower stops earlier: the worker while there is still a web to report to, the web before what it asks."""
        return _STOP_ORDER.index(name)

    def _ours(self, name: str, environment: Mapping[str, str]) -> ProcessSpec:
        argv = self._commands.get(name, [sys.executable, "-P", "-m", "entrypoints.cli", name])
        return ProcessSpec(name, argv, environment, _STOP_SECONDS[name])

    def _prefect(self, server: PrefectServer) -> ProcessSpec:
        argv = self._commands.get("prefect", server.argv())
        guarded = [sys.executable, "-I", "-S", parent_watch.__file__, "--nice", _PREFECT_NICE, "--", *argv]
        environment = server.environment(_without_headgate(os.environ))
        return ProcessSpec("prefect", guarded, environment, _STOP_SECONDS["prefect"], log=self.prefect_log, guarded=True)

    def _shared_environment(self, addresses: ServiceAddresses) -> dict[str, str]:
        """What both our children need. The worker gets no database: it speaks HTTP, as it would from another machine."""
        settings = self._settings
        own = {
            "HEADGATE_HOME": str(settings.home),
            "HEADGATE_HOST": settings.host,
            "HEADGATE_PORT": str(settings.port),
            "HEADGATE_URL": settings.public_url,
            "HEADGATE_WORKDIR": str(settings.workdir),
            "HEADGATE_SECRET": settings.secret_key(),
            "HEADGATE_DRAIN_SECONDS": str(min(settings.drain_seconds, _DRAIN_SECONDS)),
            "HEADGATE_PREFECT_API_URL": addresses.prefect_api_url,
        }
        if addresses.prefect_auth is not None:
            own["HEADGATE_PREFECT_API_AUTH_STRING"] = addresses.prefect_auth
        kept = {name: value for name, value in os.environ.items() if name not in ("HEADGATE_DATABASE_URL", "HEADGATE_PREFECT_DATABASE_URL")}
        return kept | own | {"PYTHONPATH": _python_path(), "PYTHONUNBUFFERED": "1"}


def _without_headgate(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("HEADGATE_")}


def _python_path() -> str:
    """Our packages come first, so that a `domain` folder where `up` was started cannot stand in for ours."""
    return os.pathsep.join(part for part in (str(_ROOT), os.environ.get("PYTHONPATH", "")) if part)
