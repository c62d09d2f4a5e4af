"""Every port has a fake at the same place, and the fakes fill the container that the application takes."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from entrypoints.container import Adapters
from tests.fakes.adapters import FakeAdapters, a_container
from tests.fakes.persistence.frozen_json import FrozenDict, FrozenList, freeze
from tests.support.paths import ROOT

PORTS, FAKES = ROOT / "application/ports", ROOT / "tests/fakes"
OWN_TO_THE_REAL_ADAPTERS = {"settings", "telemetry", "database"}
"""What the real container needs to build its adapters; the application asks for none of it there."""


CHANGING = {
    *("__setitem__", "__delitem__", "__iadd__", "__imul__", "__ior__", "append", "extend", "insert", "remove", "sort", "reverse"),
    *("pop", "popitem", "clear", "update", "setdefault"),
}
"""The methods of lists and dictionaries that change them."""


def list_modules(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*.py") if file.name != "__init__.py"}


def list_ports() -> set[str]:
    """Return the modules that define a protocol; the others define only the values that ports exchange."""
    return {name for name in list_modules(PORTS) if "Protocol" in (PORTS / name).read_text()}


def missing_fakes(ports: set[str], fakes: set[str]) -> set[str]:
    return ports - fakes


def test_every_port_has_a_fake_at_the_same_place() -> None:
    ports = list_ports()

    assert len(ports) > 10
    assert missing_fakes(ports, list_modules(FAKES)) == set()


def test_a_port_without_a_fake_is_found() -> None:
    assert missing_fakes({*list_ports(), "system/new_port.py"}, list_modules(FAKES)) == {"system/new_port.py"}


def test_the_fakes_fill_the_container_of_adapters() -> None:
    assert set(a_container(FakeAdapters()).providers) == set(Adapters.providers) - OWN_TO_THE_REAL_ADAPTERS


@pytest.mark.parametrize("kind", [FrozenDict, FrozenList])
def test_every_method_that_changes_a_stored_value_is_refused(kind: type) -> None:
    methods = {name for name in vars(kind.__base__) if name in CHANGING}

    assert len(methods) > 7
    assert {name for name in methods if getattr(kind, name) is not kind.__setitem__} == set()


def test_a_stored_value_can_be_copied_but_not_changed() -> None:
    value: Any = {"rows": [1, {"a": "b"}], "none": None}

    stored: Any = freeze(value)

    with pytest.raises(TypeError, match="cannot be changed"):
        stored["rows"][1]["a"] = "c"
    copied = deepcopy(stored)
    copied["rows"][1]["a"] = "c"
    assert stored == value and copied != value
    assert json.loads(json.dumps(stored)) == yaml.safe_load(yaml.safe_dump(stored)) == value
