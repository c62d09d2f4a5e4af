"""Each group of modules imports exactly the third-party packages that the table allows it."""

import sys
from typing import Final

import pytest

from tests.architecture.source_tree import LAYERS, SourceTree, load_source_tree

ALLOWED: Final[dict[str, set[str]]] = {
    "domain": set(),
    "application": set(),
    "adapters/delivery": {"httpx", "pydantic"},
    "adapters/delivery/channels": {"aiosmtplib", "apprise", "cryptography", "httpx", "standardwebhooks"},
    "adapters/identity": {"authlib", "httpx", "joserfc", "limits", "pwdlib"},
    "adapters/orchestration": {"certifi", "httpx", "pydantic"},
    "adapters/persistence": {"alembic", "orjson", "psycopg", "sqlalchemy"},
    "adapters/persistence/embedded": {"psycopg"},
    "adapters/persistence/tables": {"sqlalchemy", "sqlmodel"},
    "adapters/http_client.py": {"httpx"},
    "adapters/http_transport.py": {"httpx"},
    "adapters/proxies.py": set(),
    "adapters/rate_limit_storage.py": {"limits"},
    "adapters/secret_file.py": set(),
    "adapters/system": {"cronsim", "jsonschema_rs", "orjson"},
    "adapters/telemetry": {"datadog", "ddtrace"},
    "entrypoints": set(),
    "entrypoints/api": {"fastapi", "orjson", "pydantic", "starlette"},
    "entrypoints/api/system": {"fastapi", "pydantic", "starlette", "swagger_ui_bundle"},
    "entrypoints/cli": {"pydantic", "typer", "yaml"},
    "entrypoints/cli/client": {"httpx"},
    "entrypoints/cli/screens": {"rich"},
    "entrypoints/container.py": {"dependency_injector"},
    "entrypoints/definitions": {"yaml"},
    "entrypoints/http": {"fastapi", "httptools", "orjson", "pydantic", "starlette", "structlog", "uvicorn", "yaml"},
    "entrypoints/http/auth": {"fastapi", "starlette"},
    "entrypoints/http/middleware": {"limits", "starlette", "structlog"},
    "entrypoints/http/streaming": {"starlette"},
    "entrypoints/process": {"dependency_injector", "pydantic", "structlog"},
    "entrypoints/settings.py": {"pydantic", "pydantic_settings"},
    "entrypoints/supervisor": set(),
    "entrypoints/web": {"fastapi", "jinja2", "markupsafe", "mistune", "nh3", "starlette"},
    "entrypoints/web/view_models": {"markupsafe"},
    "entrypoints/worker": set(),
    "entrypoints/worker/client": {"httpx"},
    "entrypoints/worker/http_stage": set(),
    "entrypoints/worker/prefect": {"httpx", "prefect"},
    "entrypoints/worker/runner": {"httpx", "structlog"},
    "entrypoints/worker/stage_host": set(),
    "entrypoints/worker_protocol": set(),
}
"""Third-party packages by group. A module belongs to the longest group that its path starts with."""
FIRST_PARTY: Final = {*LAYERS, "examples"}


def group_imports(tree: SourceTree) -> dict[str, set[str]]:
    """Return the third-party packages that each group imports."""
    found: dict[str, set[str]] = {group: set() for group in ALLOWED}
    for path in tree.modules:
        group = max((group for group in ALLOWED if path == group or path.startswith(f"{group}/")), key=len)
        found[group] |= tree.imported_packages(path) - set(sys.stdlib_module_names) - FIRST_PARTY
    return found


@pytest.mark.parametrize("group", ALLOWED)
def test_a_group_imports_exactly_the_packages_of_the_table(group: str) -> None:
    assert group_imports(load_source_tree())[group] == ALLOWED[group]


@pytest.mark.parametrize("group", ALLOWED)
def test_no_group_of_the_table_is_empty(group: str) -> None:
    assert any(path == group or path.startswith(f"{group}/") for path in load_source_tree().modules)


@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("domain/runs/broken.py", "domain"),
        ("application/queries/broken.py", "application"),
        ("adapters/system/broken.py", "adapters/system"),
        ("entrypoints/worker/stage_host/broken.py", "entrypoints/worker/stage_host"),
        ("entrypoints/broken.py", "entrypoints"),
    ],
)
@pytest.mark.parametrize("source", ["import flask", "from flask import Flask", "def lazy():\n    import flask"])
def test_a_package_outside_the_table_is_found(path: str, group: str, source: str) -> None:
    broken = load_source_tree().with_module(path, source)

    assert group_imports(broken)[group] == {*ALLOWED[group], "flask"}


def test_a_package_that_no_module_imports_any_more_is_found() -> None:
    tree = load_source_tree()
    broken = SourceTree({path: module for path, module in tree.modules.items() if path != "entrypoints/container.py"})

    assert group_imports(broken)["entrypoints/container.py"] != ALLOWED["entrypoints/container.py"]
