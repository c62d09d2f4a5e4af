"""Settings of a process that runs stages: its token, its version, where stages run, and how it reaches Prefect."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from adapters.identity.hmac_tokens import HmacTokens
from adapters.orchestration.prefect_environment import build_client_environment
from adapters.proxies import InvalidProxy, find_proxy
from adapters.system.secret_store import LocalSecretStore
from entrypoints.settings import Settings, SettingsError
from entrypoints.worker.runner.stage_environment import StageSettings
from entrypoints.worker.stage_host.client import build_worker_id
from entrypoints.worker.stage_host.manager import StageHostManager
from entrypoints.worker.stage_host.orphaned_stages import end_orphaned_stages

log = logging.getLogger("headgate.worker")


def use_prefect_environment(settings: Settings) -> dict[str, str]:
    """Set the variables of a Prefect client, and return the environment as it was before, which stages inherit from.

    Prefect reads the variables when it is imported, so call this before.
    """
    before = dict(os.environ)
    if settings.prefect_api_url is None:
        return before
    auth = settings.prefect_api_auth_string.get_secret_value() if settings.prefect_api_auth_string else None
    environment = build_client_environment(settings.home, settings.prefect_api_url, auth, before)
    os.environ.clear()
    os.environ.update(environment)
    return before


def check_proxies(settings: Settings, environment: Mapping[str, str]) -> None:
    """Raise SettingsError if a web of Headgate can only be reached through a proxy that cannot be used."""
    for url in settings.web_urls or [settings.public_url]:
        try:
            find_proxy(url, environment)
        except InvalidProxy as reason:
            raise SettingsError(f"Headgate at {url} cannot be reached: {reason}") from None


def get_worker_token(settings: Settings, environment: Mapping[str, str] = os.environ) -> str:
    """Return HEADGATE_WORKER_TOKEN if it is set, as on other machines; else derive the token from this machine's secret.

    Raises SettingsError if the token cannot be sent. The HTTP client's error would contain it.
    """
    token = environment.get("HEADGATE_WORKER_TOKEN", "").strip()
    if not token.isascii() or not all(character.isprintable() and character != " " for character in token):
        raise SettingsError("HEADGATE_WORKER_TOKEN contains spaces, line ends or other characters that no token has: copy it again.")
    return token or HmacTokens(settings.secret_key().encode()).issue_worker_token()


def build_stage_settings(settings: Settings, environment: Mapping[str, str] = os.environ) -> StageSettings:
    """Return the settings for stages: base directory, run files, inherited variables, secrets and allowed HTTP targets."""
    secrets = LocalSecretStore(settings.secrets_file, environment)
    stage_env = {name: value.get_secret_value() for name, value in settings.stage_env.items()}
    allowed = tuple(settings.http_allow), tuple(settings.http_ports)
    return StageSettings(Path(settings.workdir), Path(settings.home) / "runs", dict(environment), secrets, *allowed, stage_env)


async def prepare_stage_hosts(settings: Settings) -> StageHostManager:
    """End the processes that an earlier life of this worker left running, then return the manager of its stage hosts.

    A retry of their stages can start only afterwards.
    """
    worker_id = build_worker_id(settings.home, settings.worker_name)
    ended = await asyncio.to_thread(end_orphaned_stages, worker_id)
    if ended:
        names = ", ".join(f"{process.name} (process {process.pid})" for process in ended)
        log.warning("Ended processes that an earlier worker left running: %s.", names)
    return StageHostManager(worker_id)


def get_version() -> str:
    """Return the installed version of Headgate, or an empty string."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version("headgate")
    return ""
