"""The environments of the processes that `headgate up` runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrypoints.settings import Settings
from entrypoints.supervisor.process_plan import ProcessPlan, ServiceAddresses
from tests.support.paths import ROOT

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


@pytest.mark.parametrize("variable", ["HEADGATE_URL", "HEADGATE_WEB_URLS"])
@pytest.mark.parametrize("url", ["https://headgate.example.com", "http://127.0.0.1:9999", "https://localhost:8499/headgate"])
def test_no_public_address_reaches_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, url: str) -> None:
    monkeypatch.setenv(variable, url)

    worker = build_environments(tmp_path)["worker"]

    assert (worker["HEADGATE_URL"], worker["HEADGATE_WEB_URLS"]) == ("http://127.0.0.1:8000", "")


def test_processes_reach_the_web_without_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "http://proxy.example.com:3128")

    for environment in build_environments(tmp_path, host="192.0.2.7").values():
        assert environment["NO_PROXY"] == environment["no_proxy"] == "localhost,127.0.0.1,::1,192.0.2.7"


def test_prefects_server_gets_no_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALL_PROXY", "http_proxy", "NO_PROXY", "Https_Proxy"):
        monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    plan = ProcessPlan(Settings.read(home=tmp_path))

    specs = plan.build_specs(plan.resolve_addresses("postgresql+psycopg://db", "postgresql+asyncpg://db"))

    (prefect,) = (spec for spec in specs if spec.name == "prefect")
    assert [name for name in prefect.environment if name.lower().endswith("_proxy")] == []


@pytest.mark.parametrize(("inherited", "expected"), [(None, ""), ("", ""), ("/mine", ":/mine"), ("/mine:/more", ":/mine:/more")])
def test_headgates_folder_comes_before_the_users_python_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inherited: str | None, expected: str
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    if inherited is not None:
        monkeypatch.setenv("PYTHONPATH", inherited)

    environments = build_environments(tmp_path)

    assert {environments[name]["PYTHONPATH"] for name in ("web", "worker")} == {f"{ROOT}{expected}"}
