"""The environment variables of Prefect's processes and clients."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import certifi

from adapters.proxies import InvalidProxy, find_proxy, remove_proxy_variables


def build_client_environment(home: Path, api_url: str, auth_string: str | None, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process that uses Prefect's client, tuned for short calls.

    Of the proxy variables only the one for `api_url` is left: Prefect's client fails if any of them is malformed or names a SOCKS proxy.
    For an http URL, write a file with one certificate into `home`: each client would load the whole CA bundle otherwise.
    """
    variables = {
        "PREFECT_API_URL": api_url,
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
        "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "DO_NOT_TRACK": "1",
    }
    if auth_string is not None:
        variables["PREFECT_API_AUTH_STRING"] = auth_string
    if api_url.startswith("http://"):
        variables["PREFECT_API_SSL_CERT_FILE"] = str(_write_single_certificate(home / "prefect"))
    kept = remove_proxy_variables(remove_prefect_variables(inherited)) | _build_proxy_variable(api_url, inherited)
    return kept | build_home_variables(home) | variables


def _build_proxy_variable(api_url: str, inherited: Mapping[str, str]) -> dict[str, str]:
    try:
        proxy = find_proxy(api_url, inherited)
    except InvalidProxy:  # the worker says so and does not connect to Prefect
        return {}
    return {f"{urlsplit(api_url).scheme}_proxy": proxy} if proxy else {}


def remove_prefect_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without Prefect's variables, which belong to the user's own Prefect server."""
    return {name: value for name, value in environment.items() if not name.startswith("PREFECT_")}


def build_home_variables(home: Path) -> dict[str, str]:
    """Return the variables that keep Prefect out of the user's own profiles. Create the folder they name."""
    folder = home / "prefect"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {"PREFECT_HOME": str(folder), "PREFECT_PROFILES_PATH": str(folder / "profiles.toml")}


def _write_single_certificate(folder: Path) -> Path:
    path = folder / "one-certificate.pem"
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        bundle = Path(certifi.where()).read_text(encoding="utf-8")
        end = "-----END CERTIFICATE-----\n"
        start = bundle.index("-----BEGIN CERTIFICATE-----")
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.write_text(bundle[start : bundle.index(end) + len(end)])
        draft.replace(path)
    return path
