"""Read docker/compose.yaml as compose does: with YAML merges resolved and variables substituted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.support.paths import ROOT

FILE = ROOT / "docker" / "compose.yaml"
SECRETS = {"POSTGRES_PASSWORD": "a1b2c3d4", "PREFECT_PASSWORD": "e5f6a7b8", "HEADGATE_SECRET": "0123456789abcdef0123456789abcdef"}
_VARIABLE = re.compile(r"\$\{(\w+)(?:(:[?-])([^}]*))?\}")


class MissingVariable(Exception):
    """A required variable is missing."""


def load(variables: Mapping[str, str] = SECRETS, file: Path = FILE) -> dict[str, Any]:
    """Return the file with `variables` in place of the environment."""
    loaded: dict[str, Any] = yaml.safe_load(file.read_text())
    filled: dict[str, Any] = _substitute(loaded, variables)
    return filled


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables of an env file."""
    lines = [line.partition("=") for line in path.read_text().splitlines() if "=" in line and not line.startswith("#")]
    return {name: value for name, _, value in lines}


def list_required_variables() -> set[str]:
    """Return the variables without which compose refuses to start."""
    return {name for name, mark, _ in _VARIABLE.findall(FILE.read_text()) if mark == ":?"}


def _substitute(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _substitute(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [_substitute(item, variables) for item in value]
    return _VARIABLE.sub(lambda match: _resolve(match, variables), value) if isinstance(value, str) else value


def _resolve(match: re.Match[str], variables: Mapping[str, str]) -> str:
    name, mark, rest = match.groups()
    if variables.get(name):
        return variables[name]
    if mark == ":?":
        raise MissingVariable(name)
    return rest or ""
