"""The garbage collector is paused while modules are imported, and only then."""

import gc
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
