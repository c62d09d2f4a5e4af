"""The environments of the processes that `headgate up` runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrypoints.settings import Settings
from entrypoints.supervisor.process_plan import ProcessPlan, ServiceAddresses

ADDRESSES = ServiceAddresses("postgresql+psycopg://db", "http://127.0.0.1:4200/api", None, None)


def build_environments(home: Path, **settings: str) -> dict[str, dict[str, str]]:
    plan = ProcessPlan(Settings.read(home=home, **settings))
    return {spec.name: dict(spec.environment) for spec in plan.build_specs(ADDRESSES)}


@pytest.mark.parametrize(
    ("host", "url"), [("0.0.0.0", "http://127.0.0.1:8000"), ("127.0.0.1", "http://127.0.0.1:8000"), ("192.0.2.7", "http://192.0.2.7:8000")]
)
def test_the_worker_reaches_the_web_without_the_proxy_in_front(tmp_path: Path, host: str, url: str) -> None:
    environments = build_environments(tmp_path, host=host, url="https://headgate.example.com")

    assert environments["worker"]["HEADGATE_URL"] == url
    assert environments["web"]["HEADGATE_URL"] == "https://headgate.example.com"


def test_only_the_web_gets_the_database(tmp_path: Path) -> None:
    environments = build_environments(tmp_path)

    assert {name for name, variables in environments.items() if "HEADGATE_DATABASE_URL" in variables} == {"web"}
