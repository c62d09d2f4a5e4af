"""Reads docker/compose.yaml as compose would: merged, and with its variables filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "docker" / "compose.yaml"
SECRETS = {"POSTGRES_PASSWORD": "a1b2c3d4", "PREFECT_PASSWORD": "e5f6a7b8", "HEADGATE_SECRET": "0123456789abcdef0123456789abcdef"}
_VARIABLE = re.compile(r"\$\{(\w+)(?:(:[?-])([^}]*))?\}")


class MissingVariable(Exception):
    """A variable that must be given was not."""


def load(given: Mapping[str, str] = SECRETS) -> dict[str, Any]:
    """The file with `given` in place of the environment."""
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text())
    filled: dict[str, Any] = _filled(loaded, given)
    return filled


def required() -> set[str]:
    """The variables without which compose refuses to start."""
    return {name for name, mark, _ in _VARIABLE.findall(FILE.read_text()) if mark == ":?"}


def _filled(value: Any, given: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, given) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, given) for item in value]
    return _VARIABLE.sub(lambda match: _value(match, given), value) if isinstance(value, str) else value


def _value(match: re.Match[str], given: Mapping[str, str]) -> str:
    name, mark, rest = match.groups()
    if given.get(name):
        return given[name]
    if mark == ":?":
        raise MissingVariable(name)
    return rest or ""
