"""Every port has a fake at the same place, and the fakes fill the container that the application takes."""

from pathlib import Path

from entrypoints.container import Adapters
from tests.fakes.adapters import FakeAdapters, a_container
from tests.support.paths import ROOT

PORTS, FAKES = ROOT / "application/ports", ROOT / "tests/fakes"
OWN_TO_THE_REAL_ADAPTERS = {"settings", "telemetry", "database"}
"""What the real container needs to build its adapters; the application asks for none of it there."""


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
