"""Fixtures for every test, and how the suite is spread over processes (`pytest -n 3 --dist loadgroup`).

With pytest-xdist the controller starts the one PostgreSQL server and the one server of commands, and its workers use them. Tests that
share an expensive fixture run in the same worker: each folder of GROUPS is a group, each part of the folder BROWSER, and each other module,
except those of SPREAD_FOLDERS.
"""

from __future__ import annotations

import gc
from bisect import bisect_right
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, settings

from entrypoints.process.time_zones import use_packaged_time_zones
from tests.support.forked_commands import a_command_server
from tests.support.paths import ROOT
from tests.support.shared_folder import find_shared_folder, use_shared_folder

if TYPE_CHECKING:  # the fixtures import it when a test asks for a database: tests of use cases start faster without
    from adapters.persistence.embedded.server import EmbeddedPostgres
    from tests.support.page_blocks import Block

GROUPS: Final = (
    "tests/integration/docker",
    "tests/integration/installation",
    "tests/integration/orchestration",
    "tests/system/alerts",
    "tests/system/telemetry",
    "tests/system/flow_runs",
    "tests/system/team",
    "tests/system",
)
"""Folders whose tests share a server or a stack; the first that fits counts."""
STARTS_ITS_OWN: Final = (
    "tests/system/test_proxies.py",
    "tests/system/test_shutdown_and_crashes.py",
    "tests/system/test_team_sign_in.py",
)
"""Modules of those folders that share nothing with the others."""
BROWSER: Final = "tests/unit/entrypoints/web/browser"
BROWSER_PARTS: Final = ("test_editor.py", "test_live_pages.py")
"""The first modules of the second and the third part of the folder whose tests share a browser; each part takes about as long."""
CHAOS_GROUPS: Final = (
    ("tests/chaos/test_clock_skew.py", "tests/chaos/test_late_reports.py", "tests/chaos/test_several_webs.py"),
    ("tests/chaos/test_graceful_stop.py", "tests/chaos/test_selected_faults.py"),
    ("tests/chaos/test_standstills.py", "tests/chaos/test_frozen_database.py", "tests/system/telemetry/test_telemetry_never_blocks.py"),
)
"""Modules that take about as long as each other group: the first and the second group start one stack each for all their modules."""
SPREAD_FOLDERS: Final = ("tests/simulation",)
"""Folders whose tests share nothing and take long."""
LAST: Final = ("tests/chaos", "tests/system/telemetry/test_telemetry_never_blocks.py")
"""Tests that kill or freeze processes, or count what a process does in a while: they begin after the others with servers."""

LONG: Final = (
    "tests/system/flow_runs",
    "tests/fuzz",
    BROWSER,
    "tests/system",
    "tests/unit/entrypoints/worker/runner",
    "tests/integration",
    "tests/simulation",
)
"""Folders with tests of many seconds or that mostly wait, in the order in which they begin: at the end both cores are to be busy."""

_servers = ExitStack()
use_packaged_time_zones()
# No test asserts how long an example takes, or how long it takes to make one up.
settings.register_profile("headgate", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("headgate")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Pause garbage collections while tests are collected: modules and tests stay until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test its group. The groups that take longest begin first."""
    for item in items:
        path = _get_relative_path(item.path)
        if not path.startswith(SPREAD_FOLDERS):
            item.add_marker(pytest.mark.xdist_group(_get_group(path)))
    items.sort(key=lambda item: _get_turn(_get_relative_path(item.path)))


@cache
def _get_relative_path(path: Path) -> str:
    """Return the path of a module below the repository. Its tests, up to hundreds, share the answer."""
    return str(path.relative_to(ROOT))


@cache
def _get_group(path: str) -> str:
    if path.startswith(f"{BROWSER}/"):
        return f"{BROWSER}/{bisect_right(BROWSER_PARTS, path.removeprefix(f'{BROWSER}/'))}"
    if path in STARTS_ITS_OWN:
        return path
    together = next((modules for modules in CHAOS_GROUPS if path in modules), None)
    return together[0] if together else next((folder for folder in GROUPS if path.startswith(f"{folder}/")), path)


@cache
def _get_turn(path: str) -> int:
    if path.startswith(LAST):
        return len(LONG) + 1
    return next((turn for turn, folder in enumerate(LONG) if path.startswith(f"{folder}/")), len(LONG))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let garbage collections skip the modules and tests in memory, also the last one, and make them rarer.

    They take a fifth of the time of some tests. DuckDB reports its objects that are left at the end, so tests import it later.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    require_groups(session)


def require_groups(session: pytest.Session) -> None:
    """Fail if pytest-xdist did not apply the groups: each worker would start every server, and tests that share data would be split."""
    if not getattr(session.config.option, "loadgroup", False):
        return
    for item in session.items:
        if item.get_closest_marker("xdist_group") and "@" not in item.nodeid.rpartition("]")[2]:
            raise pytest.UsageError(f"pytest-xdist gave {item.nodeid} no group: this release of pytest-xdist does not fit this pytest")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Start PostgreSQL and the server of commands in the controller of pytest-xdist, once, and tell each worker where they are.

    `make test-fast` needs none.
    """
    if node.config.option.markexpr == "not real":
        return
    from tests.support.postgres import a_server_in
    from tests.support.temporary_folders import a_temporary_folder

    if not hasattr(node.config, "shared_folder"):
        node.config.shared_folder = folder = _servers.enter_context(a_temporary_folder())
        _servers.enter_context(a_server_in(folder / "home"))
        _servers.enter_context(a_command_server(folder))
    node.workerinput["shared_folder"] = str(node.config.shared_folder)


def pytest_configure(config: pytest.Config) -> None:
    """Use the controller's servers in a worker."""
    if folder := getattr(config, "workerinput", {}).get("shared_folder"):
        use_shared_folder(Path(folder))


def pytest_unconfigure() -> None:
    """Stop the servers."""
    _servers.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The one real PostgreSQL server of the session, started when the first test asks for it."""
    from tests.support.postgres import a_server, attach_to_server

    if folder := find_shared_folder():
        yield attach_to_server(folder / "home")
        return
    with a_server() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_template(postgres: EmbeddedPostgres) -> str:
    """The name of a migrated database to copy."""
    from tests.support.postgres import create_migrated_template

    return create_migrated_template(postgres)


@pytest.fixture
def empty_database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The address (`postgresql+psycopg://…`) of a new empty database, dropped after the test."""
    from tests.support.postgres import a_database

    with a_database(postgres) as name:
        yield postgres.url(name)


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    """The address (`postgresql+psycopg://…`) of a new migrated database, dropped after the test."""
    from tests.support.postgres import a_database

    with a_database(postgres, migrated_template) as name:
        yield postgres.url(name)


@pytest.fixture
def blocks(request: pytest.FixtureRequest) -> list[Block]:
    """The blocks of README and the docs that this test runs, page by page."""
    from tests.support.page_blocks import find_blocks

    return find_blocks(f"{request.path.relative_to(ROOT)}::{request.function.__name__}")
