"""The Prefect server that `headgate up` runs keeps its port."""

import socket
from pathlib import Path

import pytest

from entrypoints.settings import Settings
from entrypoints.supervisor.embedded_prefect import choose_port, read_port
from entrypoints.supervisor.process_plan import ProcessPlan


def test_the_port_stays_the_same(tmp_path: Path) -> None:
    first = choose_port(tmp_path)

    assert choose_port(tmp_path) == first == read_port(tmp_path)


def test_a_port_in_use_is_replaced(tmp_path: Path) -> None:
    first = choose_port(tmp_path)
    with socket.create_server(("127.0.0.1", first)):
        second = choose_port(tmp_path)

    assert second != first
    assert choose_port(tmp_path) == second


@pytest.mark.parametrize("content", ["", "many", "0", "70000", "-1", "é"])
def test_a_damaged_file_is_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / "prefect-port").write_text(content)

    assert read_port(tmp_path) is None
    assert choose_port(tmp_path) == read_port(tmp_path)


def test_the_server_gets_the_port(tmp_path: Path) -> None:
    addresses = ProcessPlan(Settings.read(home=tmp_path)).resolve_addresses("postgresql+psycopg://db", "postgresql+asyncpg://db")

    assert addresses.prefect_api_url == f"http://127.0.0.1:{read_port(tmp_path)}/api"
