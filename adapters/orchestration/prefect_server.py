"""Prefect's server as a process of ours, and the environment of its clients. Prefect itself is not imported here."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adapters.orchestration.prefect_environment import prefect_home_variables, remove_prefect_variables

_SELDOM = "30"
_NOT_OURS = ("LATE_RUNS", "PAUSE_EXPIRATIONS", "CLEANUP_RECONCILER", "SCHEDULER_RECENT_DEPLOYMENTS")
"""Services that look every 5 s by default for what Headgate has no need of: what waits, it says itself, and sooner."""


@dataclass(frozen=True, slots=True)
class PrefectServer:
    """One Prefect server on loopback: its home is its own, so nobody's profile is read or written.

    `database_url` names asyncpg. The password and the address of the database travel by environment, never by argv.
    """

    home: Path
    port: int
    database_url: str = field(repr=False)
    auth_string: str = field(repr=False)

    @property
    def url(self) -> str:
        """Where Prefect's own pages are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_url(self) -> str:
        return f"{self.url}/api"

    @property
    def health_url(self) -> str:
        """Answers 200 without the auth string once the server works."""
        return f"{self.api_url}/health"

    def argv(self) -> list[str]:
        """The command that runs the server in the foreground."""
        where = ["--host", "127.0.0.1", "--port", str(self.port)]
        return [sys.executable, "-P", "-m", "prefect", "server", "start", *where, "--log-level", "WARNING"]

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """The server's environment: what is inherited without anything of Prefect's, and our own."""
        own = {
            "PREFECT_API_URL": self.api_url,
            "PREFECT_SERVER_API_AUTH_STRING": self.auth_string,
            "PREFECT_API_AUTH_STRING": self.auth_string,
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": self.database_url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "false",
            "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
            "PREFECT_LOGGING_LEVEL": "WARNING",
            "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
            # By default each state of each task run is a transaction of its own, which is most of what a stage costs this server.
            "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "500",
            # Prefect takes whole seconds here: of less than one it makes none, and never rests.
            "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
            **{f"PREFECT_SERVER_SERVICES_{service}_LOOP_SECONDS": _SELDOM for service in _NOT_OURS},
            "PREFECT_CLI_COLORS": "false",
            "PREFECT_CLI_PROMPT": "false",
            "DO_NOT_TRACK": "1",
        }
        return remove_prefect_variables(inherited) | prefect_home_variables(self.home) | own
