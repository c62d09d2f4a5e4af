"""The process that starts stages loads only the standard library and its own few modules, so that it starts and forks quickly."""

import sys
from typing import Final

from tests.architecture.source_tree import SourceTree, load_source_tree

HOST: Final = "entrypoints/worker/stage_host/host.py"
FOLDERS: Final = ("entrypoints/worker/stage_host/", "entrypoints/worker/http_stage/")
SHARED: Final = {"domain/address_policy.py", "domain/redirect_policy.py"}
"""Rules for outgoing requests, which web servers use too."""


def loaded_modules(tree: SourceTree) -> dict[str, set[str]]:
    """Return every first-party module that the host can load, with the other packages it imports."""
    waiting, found = [HOST], dict[str, set[str]]()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        candidates = {f"{name.replace('.', '/')}.py" for name in tree.imported_modules(path)}
        waiting += sorted(candidates & tree.modules.keys())
        found[path] = tree.imported_packages(path) - set(sys.stdlib_module_names) - {"domain", "entrypoints"}
    return found


def test_the_host_loads_only_its_own_modules_and_the_standard_library() -> None:
    loaded = loaded_modules(load_source_tree())

    assert len(loaded) > 5
    assert [path for path in loaded if not path.startswith(FOLDERS) and path not in SHARED] == []
    assert loaded.keys() >= SHARED
    assert {path: packages for path, packages in loaded.items() if packages} == {}


def test_a_heavier_import_of_the_host_is_found() -> None:
    tree = load_source_tree()
    stage = "entrypoints/worker/stage_host/stage_process.py"

    loaded = loaded_modules(tree.with_module(stage, "import httpx\nfrom entrypoints.worker.runner import worker"))

    assert "httpx" in loaded[stage]
    assert "entrypoints/worker/runner/worker.py" in loaded
