"""The garbage collector is paused while modules are imported, and only then. In the commands it runs rarely."""

import gc
import subprocess
import sys
from typing import Any

import pytest

from entrypoints.process.garbage_collection import exempt_from_garbage_collection


def test_present_objects_are_left_out_of_later_collections() -> None:
    with exempt_from_garbage_collection():
        assert not gc.isenabled()
        made: list[Any] = [[]]

    assert gc.isenabled()
    assert not any(each is made for each in gc.get_objects())


def test_the_collector_runs_again_after_a_failed_import() -> None:
    with pytest.raises(ImportError), exempt_from_garbage_collection():
        raise ImportError

    assert gc.isenabled()


def test_commands_raise_the_thresholds_of_the_collector() -> None:
    show = "import atexit, gc; atexit.register(lambda: print(gc.isenabled(), gc.get_threshold()))"
    run = "from entrypoints.cli.app import main; main()"

    printed = subprocess.check_output([sys.executable, "-c", f"{show}; {run}", "--help"], text=True)

    assert printed.splitlines()[-1] == "True (10000, 20, 20)"
