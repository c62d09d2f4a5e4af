"""What a process that runs stages is: its token, its version, the place where stages run, its environment towards Prefect."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
from collections.abc import Mapping
from pathlib import Path

from adapters.identity.hmac_tokens import HmacTokens
from adapters.orchestration.prefect_environment import build_client_environment
from adapters.system.secret_store import LocalSecretStore
from entrypoints.settings import Settings
from entrypoints.worker.runner.stage_environment import StageSettings


def use_prefect_environment(settings: Settings) -> None:
    """Give this process the environment of a Prefect client. Prefect reads it at its import, so before that."""
    if settings.prefect_api_url is None:
        return
    auth = settings.prefect_api_auth_string.get_secret_value() if settings.prefect_api_auth_string else None
    environment = build_client_environment(settings.home, settings.prefect_api_url, auth, os.environ)
    os.environ.clear()
    os.environ.update(environment)


def get_worker_token(settings: Settings, environment: Mapping[str, str] = os.environ) -> str:
    """HEADGATE_WORKER_TOKEN where it is given, as on another machine; else made with the secret of this one."""
    given = environment.get("HEADGATE_WORKER_TOKEN")
    return given or HmacTokens(settings.secret_key().encode()).issue_worker_token()


def make_stage_settings(settings: Settings) -> StageSettings:
    """The directory that `workdir` counts from, and the place of the runs' files."""
    secrets = LocalSecretStore(settings.secrets_file, os.environ)
    allowed = tuple(settings.http_allow), tuple(settings.http_ports)
    return StageSettings(Path(settings.workdir), Path(settings.home) / "runs", dict(os.environ), secrets, *allowed)


def get_version() -> str:
    """Headgate's, where it is installed."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version("headgate")
    return ""
