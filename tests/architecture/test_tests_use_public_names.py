"""Tests use public names: no private attribute or module of the product or of a library."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.paths import ROOT

ALLOWED: Final = {
    "tests/simulation/actors/change_feed.py": "a simulated feed wakes up the others of its class",
    "tests/simulation/mutations/backfill_mutants.py": "a mutant removes a guard from the inside",
    "tests/simulation/mutations/flow_run_mutants.py": "a mutant removes a guard from the inside",
    "tests/simulation/mutations/limit_mutants.py": "a mutant removes a guard from the inside",
    "tests/simulation/mutations/mutants.py": "a mutant removes a guard from the inside",
    "tests/simulation/mutations/schedule_mutants.py": "a mutant removes a guard from the inside",
    "tests/simulation/runtime/virtual_loop.py": "asyncio names `_set_running_loop` as the function for event loops of others",
    "tests/support/datadog_models.py": "the client's models tell an unknown value only by `_unparsed`",
    "tests/system/telemetry/unreachable_agent_program.py": "how much the tracer and the statsd client keep is shown by nothing public",
    "tests/unit/entrypoints/worker/http_stage/test_http_request.py": "one redirect, without a server of another origin",
    "tests/integration/persistence/test_migrations.py": "the exit code of a process that never began",
    "tests/integration/persistence/test_embedded_postgres.py": "a stop in the very moment of a start",
    "tests/integration/orchestration/test_prefect_worker.py": "the recorder's request to Prefect, held back",
}
"""Files that use private names, and why. Set equality: whoever makes one public removes its line."""
PATCHES: Final = {"setattr", "object"}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def private_names(source: str) -> Iterator[str]:
    """Yield every private name that a module takes from elsewhere."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls" | "os" | "super")):
                continue
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super"))):
                continue
            case ast.Attribute(attr=name) if is_private(name):
                yield name
            case ast.ImportFrom(module=module, names=aliases):
                yield from (part for part in (module or "").split(".") if is_private(part))
                yield from (alias.name for alias in aliases if is_private(alias.name))
            case ast.Call(func=ast.Attribute(attr=patch), args=[_, ast.Constant(value=str(name)), *_]) if patch in PATCHES and is_private(
                name
            ):
                yield name


def find_private_names() -> dict[str, set[str]]:
    files = [file for file in (ROOT / "tests").rglob("*.py") if file.name != Path(__file__).name]
    assert len(files) > 200
    found = {str(file.relative_to(ROOT)): set(private_names(file.read_text())) for file in files}
    return {path: names for path, names in found.items() if names}


def test_only_the_listed_files_use_private_names() -> None:
    found = find_private_names()

    assert set(found) == set(ALLOWED), {path: found.get(path) for path in set(found) ^ set(ALLOWED)}


@pytest.mark.parametrize(
    "source",
    [
        "x._held",
        "from a import _b",
        "from a._b import c",
        'monkeypatch.setattr(x, "_held", 1)',
        'patch.object(x, "_held", 1)',
        "a.b()._c.d",
    ],
)
def test_a_private_name_is_found(source: str) -> None:
    assert list(private_names(source))


@pytest.mark.parametrize("source", ["self._held", "super()._held", "os._exit(0)", "x.__name__", "x.held"])
def test_public_names_and_own_ones_are_not(source: str) -> None:
    assert not list(private_names(source))
