from __future__ import annotations

import json
from typing import Any

import pytest

from entrypoints.cli.actions.processes import run_worker
from entrypoints.settings import Settings, SettingsError
from tests.integration.docker import compose

TOKEN = "worker-token-" * 4
HEADGATE_SERVICES = {"web", "worker", "migrate", "prefect"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = compose.load()["services"]
    return found


def test_every_service_exists_and_workers_and_the_agent_have_profiles(services: dict[str, Any]) -> None:
    assert set(services) == HEADGATE_SERVICES | {"postgres", "datadog"}
    assert {name: service["profiles"] for name, service in services.items() if "profiles" in service} == {
        "worker": ["worker"],
        "datadog": ["datadog"],
    }


def test_compose_requires_every_secret() -> None:
    assert compose.list_required_variables() == set(compose.SECRETS)
    for name in compose.SECRETS:
        with pytest.raises(compose.MissingVariable):
            compose.load({key: value for key, value in compose.SECRETS.items() if key != name})


def test_the_example_env_file_names_every_required_variable() -> None:
    lines = (compose.ROOT / "docker" / "env.example").read_text().splitlines()

    assert {line.removesuffix("=") for line in lines if line.endswith("=") and not line.startswith("#")} == set(compose.SECRETS)


def test_only_the_web_publishes_a_port_and_on_loopback(services: dict[str, Any]) -> None:
    assert {name: service["ports"] for name, service in services.items() if "ports" in service} == {"web": ["127.0.0.1:8000:8000"]}


def test_every_long_running_service_has_a_health_check(services: dict[str, Any]) -> None:
    assert {name for name, service in services.items() if "healthcheck" not in service} == {"migrate"}


def test_services_wait_for_their_dependencies(services: dict[str, Any]) -> None:
    waits = {
        name: {other: rule["condition"] for other, rule in service["depends_on"].items()}
        for name, service in services.items()
        if "depends_on" in service
    }

    assert waits["web"] == {"postgres": "service_healthy", "migrate": "service_completed_successfully"}
    assert waits["worker"] == {"web": "service_healthy"}
    assert waits["migrate"] == waits["prefect"] == {"postgres": "service_healthy"}


def test_all_but_the_agent_have_a_read_only_file_system(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("read_only", False) is (name != "datadog"), name
    assert all(services[name]["cap_drop"] == ["ALL"] for name in HEADGATE_SERVICES)


def test_volumes_and_networks_are_declared(services: dict[str, Any]) -> None:
    whole = compose.load()

    used = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert {name for name in used if not name.startswith((".", "/"))} == set(whole["volumes"])
    assert {name for service in services.values() for name in service["networks"]} == set(whole["networks"])
    for path in (name for name in used if name.startswith(".")):
        assert (compose.FILE.parent / path).is_dir()


def test_the_environment_is_a_valid_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    services = compose.load(compose.SECRETS | {"HEADGATE_WORKER_TOKEN": TOKEN})["services"]
    for name in ("web", "worker", "migrate"):
        ours = {key: value for key, value in services[name]["environment"].items() if key.startswith("HEADGATE_")}
        assert {key.removeprefix("HEADGATE_").lower() for key in ours} <= set(Settings.model_fields), name
        with monkeypatch.context() as patch:
            for key, value in ours.items():
                patch.setenv(key, value)
            settings = Settings.read()
        if name != "worker":
            assert settings.prefect_api_url == "http://prefect:4200/api"
            assert settings.secret_key() == compose.SECRETS["HEADGATE_SECRET"]


def test_a_worker_has_the_address_of_the_web_a_token_and_no_other_secret() -> None:
    environment = compose.load(compose.SECRETS | {"HEADGATE_WORKER_TOKEN": TOKEN})["services"]["worker"]["environment"]

    own = {name: value for name, value in environment.items() if name.startswith("HEADGATE_")}
    assert own == {"HEADGATE_URL": "http://web:8000", "HEADGATE_WORKER_TOKEN": TOKEN}
    assert not any(secret in str(environment) for secret in compose.SECRETS.values())


def test_a_worker_without_a_token_says_what_it_needs(services: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in services["worker"]["environment"].items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match="HEADGATE_WORKER_TOKEN: is empty; set it to a token that `headgate worker-tokens create NAME`"):
        run_worker()


def test_only_the_agent_mounts_host_paths_and_read_only(services: dict[str, Any]) -> None:
    seen = {name: [volume for volume in service.get("volumes", []) if volume.startswith("/")] for name, service in services.items()}

    assert {name for name, volumes in seen.items() if volumes} == {"datadog"}
    assert all(volume.endswith(":ro") for volume in seen["datadog"])


def test_logs_and_traces_have_the_same_service_and_others_are_not_collected(services: dict[str, Any]) -> None:
    labelled = {name: service["labels"] for name, service in services.items() if "labels" in service}

    assert set(labelled) == {"web", "worker"}
    for name, labels in labelled.items():
        (logs,) = json.loads(labels["com.datadoghq.ad.logs"])
        assert logs["service"] == labels["com.datadoghq.tags.service"] == services[name]["environment"]["DD_SERVICE"]
    assert services["datadog"]["environment"]["DD_LOGS_CONFIG_CONTAINER_COLLECT_ALL"] == "false"


def test_runs_are_sent_nowhere_by_default(services: dict[str, Any]) -> None:
    environment = services["web"]["environment"]

    assert environment["HEADGATE_CI_EVENTS_URL"] == environment["HEADGATE_OPENLINEAGE_URL"] == ""


def test_urls_and_credentials_agree(services: dict[str, Any]) -> None:
    prefect, web = services["prefect"], services["web"]["environment"]

    assert prefect["command"][-2:] == ["--port", "4200"]
    assert prefect["environment"]["PREFECT_SERVER_API_AUTH_STRING"] == web["HEADGATE_PREFECT_API_AUTH_STRING"]
    assert services["worker"]["environment"]["HEADGATE_URL"] == f"http://{web['HEADGATE_ALLOWED_HOSTS']}:8000"
