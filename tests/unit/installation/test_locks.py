"""The locks contain every package that a supported Python version needs, whatever version they were made with."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, requires
from typing import Final

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.paths import ROOT

PYTHONS: Final = ("3.11.0", "3.11.2", "3.11.3", "3.11.14", "3.12.0", "3.12.12", "3.13.0", "3.13.9", "3.14.0", "3.14.2")
SYSTEMS: Final = {"linux": "Linux", "darwin": "Darwin"}
GROUPS: Final = {"requirements.lock": [], "requirements-test.lock": ["test"]}
"""The dependency groups of each lock, besides the project's dependencies and its extra `examples`."""
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OVERRIDDEN: Final = {Requirement(text).name for text in PROJECT["tool"]["uv"]["override-dependencies"]}


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", GROUPS)
def test_the_lock_has_what_each_python_needs(lock: str, python: str, system: str) -> None:
    environment = build_environment(python, system)
    locked = {requirement.name: requirement for requirement in read_lock(lock) if is_needed(requirement, environment)}

    needed = list(find_needed(lock, environment))

    assert len(needed) > 100
    assert sorted({str(each) for each in needed if canonicalize_name(each.name) not in locked}) == []
    assert [str(each) for each in needed if not each.specifier.contains(get_version(locked[canonicalize_name(each.name)]))] == []


@pytest.mark.parametrize("lock", [*GROUPS, "requirements-tools.lock"])
def test_each_locked_package_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")

    blocks = text.replace("\\\n", " ").splitlines()

    assert [block for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in text


def test_packages_that_some_pythons_need_are_locked_for_them() -> None:
    locked = {requirement.name: requirement for requirement in read_lock("requirements.lock")}

    for name, needs, needs_not in (
        ("whenever", "3.13.0", "3.12.12"),
        ("async-timeout", "3.11.2", "3.11.3"),
        ("pendulum", "3.12.0", "3.13.0"),
    ):
        assert is_needed(locked[name], build_environment(needs, "linux"))
        assert not is_needed(locked[name], build_environment(needs_not, "linux"))


def find_needed(lock: str, environment: dict[str, str]) -> Iterator[Requirement]:
    """Yield each requirement of the project and of the installed packages below it that applies to the environment."""
    project = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["examples"]]
    project += [text for group in GROUPS[lock] for text in PROJECT["dependency-groups"][group]]
    waiting = list(select_needed(map(Requirement, project), environment))
    seen: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen or requirement.name in OVERRIDDEN:
            continue
        seen.add(str(requirement))
        yield requirement
        for extra in ("", *requirement.extras):
            waiting += select_needed(read_requirements(requirement.name), environment | {"extra": extra})


def select_needed(requirements: Iterable[Requirement], environment: dict[str, str]) -> Iterator[Requirement]:
    """Yield the requirements that apply to the environment, without their markers."""
    for requirement in requirements:
        if is_needed(requirement, environment):
            needed = Requirement(str(requirement))
            needed.marker = None
            yield needed


@cache
def read_requirements(name: str) -> list[Requirement]:
    """Return what a package needs. A package for other Python versions than this one is not installed here: its needs are unknown."""
    try:
        return [Requirement(text) for text in requires(name) or []]
    except PackageNotFoundError:
        return []


@cache
def read_lock(lock: str) -> list[Requirement]:
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    return [Requirement(line.removesuffix("\\")) for line in lines if not line.startswith(" ")]


def get_version(requirement: Requirement) -> str:
    found = re.fullmatch(r"==(\S+)", str(requirement.specifier))
    assert found, requirement
    return found[1]


def is_needed(requirement: Requirement, environment: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(environment)


def build_environment(python: str, system: str) -> dict[str, str]:
    """Return the marker variables of CPython `python` on a 64-bit machine."""
    versions = {"python_version": python.rpartition(".")[0], "python_full_version": python, "implementation_version": python}
    machine = {"sys_platform": system, "platform_system": SYSTEMS[system], "os_name": "posix", "platform_machine": "x86_64"}
    return {**{key: str(value) for key, value in default_environment().items()}, **versions, **machine, "extra": ""}
