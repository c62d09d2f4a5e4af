"""Prefect's server as a process of ours, and the environment of its clients. Prefect itself is not imported here."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import certifi
import httpx

_FIRST_BOOT_SECONDS = 120.0
_LOOK_SECONDS = 0.2
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
        return remove_prefect_variables(inherited) | _private(self.home) | own


def build_client_environment(home: Path, api_url: str, auth_string: str | None, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that speaks to a Prefect server through Prefect's client, tuned for short calls.

    Writes a one-certificate file into `home`: for an http address every new client would load the whole bundle for nothing.
    """
    tuned = {
        "PREFECT_API_URL": api_url,
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
        "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "DO_NOT_TRACK": "1",
    }
    if auth_string is not None:
        tuned["PREFECT_API_AUTH_STRING"] = auth_string
    if api_url.startswith("http://"):
        tuned["PREFECT_API_SSL_CERT_FILE"] = str(_one_certificate(home / "prefect"))
    return remove_prefect_variables(inherited) | _private(home) | tuned


def remove_prefect_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without the variables of Prefect: a user's own are for the user's own server."""
    return {name: value for name, value in environment.items() if not name.startswith("PREFECT_")}


def find_free_port() -> int:
    """A port that nothing listened on a moment ago, on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def wait_until_healthy(health_url: str, seconds: float = _FIRST_BOOT_SECONDS) -> bool:
    """True when `health_url` answers 200; False when it has not within `seconds`."""
    deadline = time.monotonic() + seconds
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        while time.monotonic() < deadline:
            try:
                if (await client.get(health_url)).status_code == 200:
                    return True
            except httpx.HTTPError:
                pass
            await asyncio.sleep(_LOOK_SECONDS)
    return False


def _private(home: Path) -> dict[str, str]:
    folder = home / "prefect"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {"PREFECT_HOME": str(folder), "PREFECT_PROFILES_PATH": str(folder / "profiles.toml")}


def _one_certificate(folder: Path) -> Path:
    path = folder / "one-certificate.pem"
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        bundle = Path(certifi.where()).read_text()
        end = "-----END CERTIFICATE-----\n"
        start = bundle.index("-----BEGIN CERTIFICATE-----")
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.write_text(bundle[start : bundle.index(end) + len(end)])
        draft.replace(path)
    return path
