"""Only the listed modules read the wall clock, and none of them decides by it what is due."""

import ast
from collections.abc import Iterator
from functools import cache
from typing import Final

import pytest

from tests.architecture.source_tree import SourceTree, find_imports, load_source_tree

ALLOWED: Final = {
    "adapters/system/clock.py": "the adapter itself",
    "entrypoints/cli/screens/run_view.py": "ages that are displayed in a terminal",
    "entrypoints/worker/runner/stage_attempt.py": "times of a worker's notes in a stage's log, which are displayed",
    "entrypoints/worker/stage_host/host.py": "times of a stage's output, which are displayed",
    "entrypoints/worker/stage_host/job.py": "times of a stage's last output, which are displayed",
}
"""Modules that may read the wall clock, or use what reads it, and why."""
READERS: Final = {
    "adapters.system.clock.SystemClock",
    *(f"datetime.datetime.{name}" for name in ("now", "today", "utcnow")),
    "datetime.date.today",
    *(f"email.utils.{name}" for name in ("formatdate", "localtime")),
    "limits.storage.MemoryStorage",
    "limits.storage.storage_from_string",
    *(f"time.{name}" for name in ("CLOCK_REALTIME", "asctime", "ctime", "gmtime", "localtime", "strftime", "time", "time_ns")),
    *(f"uuid.{name}" for name in ("uuid1", "uuid6", "uuid7")),
}
"""Functions, constants and packages that read the wall clock."""


def find_wall_clock_readers(tree: SourceTree) -> set[str]:
    """Return the modules that mention a reader, called or not."""
    return {path for path, module in tree.modules.items() if _reads_wall_clock(module)}


@cache
def _reads_wall_clock(module: ast.Module) -> bool:
    """Return True if the module mentions a reader. Trees that share a module walk it once."""
    return any(_is_reader(name) for name in _list_qualified_names(module))


def _is_reader(name: str) -> bool:
    return name in READERS


def _list_qualified_names(module: ast.Module) -> Iterator[str]:
    """Yield every dotted name of the module that begins with an imported name, with its import resolved."""
    imported: dict[str, str] = {}
    for node in find_imports(module):
        for alias in node.names:
            source = alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}"
            imported[alias.asname or alias.name] = source
            yield source
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and (dotted := _get_dotted_name(node)):
            first, _, rest = dotted.partition(".")
            yield f"{imported.get(first, first)}.{rest}"


def _get_dotted_name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _get_dotted_name(node.value)):
        return f"{before}.{node.attr}"
    return None


def test_exactly_the_modules_of_the_table_read_the_wall_clock() -> None:
    assert find_wall_clock_readers(load_source_tree()) == set(ALLOWED)


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import UTC, datetime\ndatetime.now(UTC)",
        "import datetime\ndatetime.datetime.utcnow()",
        "import datetime as dt\ndt.date.today()",
        "import time\ntime.time()",
        "import time as t\nread = t.time_ns",
        "from time import time",
        "from time import time as read",
        "def f():\n    import time\n    return time.localtime()",
        "import time\ntime.clock_gettime(time.CLOCK_REALTIME)",
        "from adapters.system.clock import SystemClock",
        "from adapters.system import clock\nclock.SystemClock()",
        "from limits.storage import MemoryStorage",
        "import email.utils\nemail.utils.formatdate()",
        "import uuid\nuuid.uuid1()",
    ],
)
def test_another_module_that_reads_it_is_found(source: str) -> None:
    broken = load_source_tree().with_module("application/services/broken.py", source)

    assert find_wall_clock_readers(broken) == {*ALLOWED, "application/services/broken.py"}


@pytest.mark.parametrize(
    "source", ["import time\ntime.monotonic()", "clock.now()", "from datetime import datetime\ndatetime.fromisoformat(text)"]
)
def test_other_clocks_are_not_mistaken_for_it(source: str) -> None:
    changed = load_source_tree().with_module("application/services/sound.py", source)

    assert find_wall_clock_readers(changed) == set(ALLOWED)


def test_a_module_that_no_longer_reads_it_is_found() -> None:
    changed = load_source_tree().with_module("entrypoints/cli/screens/run_view.py", "pass")

    assert find_wall_clock_readers(changed) != set(ALLOWED)
