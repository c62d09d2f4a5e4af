"""Read systemd unit files, as far as Headgate's use them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_ASSIGNMENT: Final = re.compile(r"([A-Za-z]+)=(.*)")


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit with its specifiers resolved. `values` has every assignment as (section, key), in order."""

    name: str
    values: Mapping[tuple[str, str], list[str]] = field(default_factory=dict)

    def get(self, section: str, key: str, default: str = "") -> str:
        """Return the last assignment."""
        return self.values.get((section, key), [default])[-1]

    def words(self, section: str, key: str) -> list[str]:
        """Return the words of all assignments of a key that is a list."""
        return [word for value in self.values.get((section, key), []) for word in shlex.split(value)]

    @property
    def command(self) -> list[str]:
        return shlex.split(self.get("Service", "ExecStart"))

    @property
    def is_oneshot(self) -> bool:
        return self.get("Service", "Type") == "oneshot"

    @property
    def stop_seconds(self) -> int:
        return int(self.get("Service", "TimeoutStopSec", "90"))

    def build_environment(self) -> dict[str, str]:
        """Return the variables of `Environment=` and then those of the environment files, which take precedence."""
        found = dict(word.split("=", 1) for word in self.words("Service", "Environment"))
        for path in map(Path, self.words("Service", "EnvironmentFile")):
            found |= read_environment_file(path)
        return found


def read_unit(folder: Path, name: str) -> Unit:
    """Return the unit of this name, such as `web@8001.service`, from its file or that of its template."""
    full_name = name if name.endswith((".service", ".target")) else f"{name}.service"
    template, at, rest = full_name.partition("@")
    instance = rest.rpartition(".")[0]
    text = (folder / (f"{template}@.service" if at else full_name)).read_text()
    return Unit(full_name, _parse(text.replace("%i", instance).replace("%%", "%")))


def read_environment_file(path: Path) -> dict[str, str]:
    """Return the variables of an environment file, whose values are not quoted."""
    lines = [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def _parse(text: str) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line.strip() and not line.startswith("#"):
            assignment = _ASSIGNMENT.fullmatch(line)
            assert assignment is not None, line
            found.setdefault((section, assignment[1]), []).append(assignment[2])
    return found
