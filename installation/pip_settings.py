"""Reads pip's configuration and translates what says where packages come from. uv itself reads none of it."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

_LINE = re.compile(r"(global|install|:env:)\.([a-z0-9_-]+)=(.*)")
_SECTIONS = ("global", "install", ":env:")
"""From the weakest to the strongest."""
_SOURCE_SETTINGS = frozenset(
    {
        "cache-dir",
        "cert",
        "client-cert",
        "default-timeout",
        "extra-index-url",
        "find-links",
        "index-url",
        "keyring-provider",
        "no-cache-dir",
        "no-index",
        "proxy",
        "retries",
        "timeout",
        "trusted-host",
        "use-deprecated",
        "use-feature",
    }
)
"""Settings that say how to reach packages. The others say what is installed and where, which the lock and the Makefile decide."""
_INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_CONFIG_FILE")


def parse_settings(listing: str) -> dict[str, str]:
    """Return the settings in the output of `pip config list` that say how to reach packages."""
    sections: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for line in listing.splitlines():
        if (found := _LINE.fullmatch(line.strip())) and found[2] in _SOURCE_SETTINGS and (value := _parse_value(found[3])):
            sections[found[1]][found[2]] = value
    return {name: value for section in _SECTIONS for name, value in sections[section].items()}


def _parse_value(text: str) -> str:
    try:
        return str(ast.literal_eval(text)).strip()
    except (SyntaxError, ValueError):
        return text.strip()


def to_pip_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return variables that give pip these settings and nothing of its own configuration."""
    return {"PIP_CONFIG_FILE": os.devnull} | {f"PIP_{name.upper().replace('-', '_')}": value for name, value in settings.items()}


def to_uv_environment(settings: Mapping[str, str], inherited: Mapping[str, str]) -> dict[str, str]:
    """Return variables that give uv these settings. What the user set for uv is kept."""
    translated: dict[str, str] = {}
    if not any(inherited.get(name) for name in _INDEX_VARIABLES):
        translated |= _translate_sources(settings)
    for name, (variable, translate) in _CONNECTION_SETTINGS.items():
        if name in settings and (value := translate(settings[name])) is not None:
            translated[variable] = value
    if "proxy" in settings:
        translated |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), settings["proxy"])
    if "cert" in settings:
        translated["SSL_CERT_DIR" if Path(settings["cert"]).is_dir() else "SSL_CERT_FILE"] = settings["cert"]
    return {name: value for name, value in translated.items() if not (name.startswith("UV_") and inherited.get(name))}


def is_index_disabled(settings: Mapping[str, str]) -> bool:
    """Return True if packages come from `find-links` only. uv has a flag for it and no variable."""
    return settings.get("no-index", "").lower() in ("1", "true", "yes", "on", "y", "t")


def _translate_sources(settings: Mapping[str, str]) -> dict[str, str]:
    translated = {}
    if "index-url" in settings:
        translated["UV_DEFAULT_INDEX"] = _to_url(settings["index-url"])
    if extra := settings.get("extra-index-url", "").split():
        # pip looks in all indexes. The hashes in the lock decide which files are accepted, so the order is no risk.
        translated |= {"UV_INDEX": " ".join(map(_to_url, extra)), "UV_INDEX_STRATEGY": "unsafe-best-match"}
    if links := list(_existing(settings.get("find-links", "").split())):
        translated["UV_FIND_LINKS"] = ",".join(links)
    return translated


def _existing(links: Iterable[str]) -> Iterable[str]:
    """Yield the links without local folders that do not exist: pip ignores them, uv does not."""
    for link in links:
        path = os.path.expanduser(link)  # noqa: PTH111 (a link may be a URL)
        if "://" in link or link.startswith("file:"):
            yield link
        elif os.path.exists(path):  # noqa: PTH110
            yield os.path.abspath(path)  # noqa: PTH100


def _to_url(index: str) -> str:
    return index if "://" in index else Path(index).expanduser().absolute().as_uri()


def _to_number(text: str) -> str | None:
    try:
        return str(max(1, round(float(text))))
    except ValueError:
        return None


_CONNECTION_SETTINGS: Mapping[str, tuple[str, Callable[[str], str | None]]] = {
    "client-cert": ("SSL_CLIENT_CERT", str),
    "default-timeout": ("UV_HTTP_TIMEOUT", _to_number),
    "keyring-provider": ("UV_KEYRING_PROVIDER", lambda text: "subprocess" if text == "subprocess" else None),
    "retries": ("UV_HTTP_RETRIES", lambda text: text if text.isdigit() else None),
    "timeout": ("UV_HTTP_TIMEOUT", _to_number),
    "trusted-host": ("UV_INSECURE_HOST", lambda text: " ".join(text.split())),
}
