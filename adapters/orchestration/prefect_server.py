"""The Prefect server that Headgate starts as a child process. This module does not import Prefect."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adapters.orchestration import prefect_program
from adapters.orchestration.prefect_environment import build_home_variables, remove_prefect_variables
from adapters.proxies import remove_proxy_variables

_RARE_LOOP_SECONDS = "30"
_UNUSED_SERVICES = ("LATE_RUNS", "PAUSE_EXPIRATIONS", "CLEANUP_RECONCILER", "SCHEDULER_RECENT_DEPLOYMENTS")
"""Prefect services that poll every 5 seconds by default. Headgate does not use what they do."""


@dataclass(frozen=True, slots=True)
class PrefectServer:
    """The command and environment of a Prefect server on loopback, with a home of its own.

    `database_url` uses the asyncpg driver. The environment carries it and the auth string; the command line does not.
    """

    home: Path
    port: int
    database_url: str = field(repr=False)
    auth_string: str = field(repr=False)

    @property
    def url(self) -> str:
        """The URL of Prefect's own pages."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_url(self) -> str:
        return f"{self.url}/api"

    @property
    def health_url(self) -> str:
        """Responds with 200 once the server works. It needs no auth string."""
        return f"{self.api_url}/health"

    def argv(self) -> list[str]:
        """Return the command that runs the server in the foreground."""
        bind = ["--host", "127.0.0.1", "--port", str(self.port)]
        return [sys.executable, "-P", prefect_program.__file__, "server", "start", *bind, "--log-level", "WARNING"]

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Return the server's environment: the inherited one without proxies and Prefect's variables, and this server's settings."""
        variables = {
            "PREFECT_API_URL": self.api_url,
            "PREFECT_SERVER_API_AUTH_STRING": self.auth_string,
            "PREFECT_API_AUTH_STRING": self.auth_string,
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": self.database_url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "false",
            "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
            "PREFECT_LOGGING_LEVEL": "WARNING",
            "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
            # By default, each state of a task run is a transaction of its own, which is most of what a stage costs this server.
            "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "500",
            # Prefect rounds this down to whole seconds; with 0 it polls without a pause.
            "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
            **{f"PREFECT_SERVER_SERVICES_{service}_LOOP_SECONDS": _RARE_LOOP_SECONDS for service in _UNUSED_SERVICES},
            "PREFECT_CLI_COLORS": "false",
            "PREFECT_CLI_PROMPT": "false",
            "DO_NOT_TRACK": "1",
        }
        return remove_proxy_variables(remove_prefect_variables(inherited)) | build_home_variables(self.home) | variables
