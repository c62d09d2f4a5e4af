"""Settings come from the environment only, mistakes are one line, and secrets are masked."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from adapters.secret_file import read_or_create_secret
from entrypoints.http.server import build_proxy_options
from entrypoints.settings import Settings, SettingsError
from tests.support.forked_commands import build_forked_argv

ROOT = Path(__file__).resolve().parents[3]
DATABASE_URL = "postgresql://me:pass:word@db/headgate"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("HEADGATE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def read_invalid_settings(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(f"HEADGATE_{name.upper()}", value)
    with pytest.raises(SettingsError) as caught:
        Settings.read()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_variables_everything_is_embedded_and_local(tmp_path: Path) -> None:
    settings = Settings.read()

    assert settings.home == tmp_path / ".headgate"
    assert settings.database_url is None
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.worker_slots == 2 * (os.cpu_count() or 1)


def test_a_file_named_dot_env_is_not_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HEADGATE_PORT=1234\n")

    assert Settings.read().port == 8000


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_PORT", "9001")
    monkeypatch.setenv("HEADGATE_HOST", "0.0.0.0")
    monkeypatch.setenv("HEADGATE_DATABASE_URL", "")
    monkeypatch.setenv("HEADGATE_ALLOWED_HOSTS", "board.example, 10.0.0.1")

    settings = Settings.read()

    assert settings.public_url == "http://127.0.0.1:9001"
    assert settings.database_url is None
    assert settings.allowed_hosts == ["board.example", "10.0.0.1"]


def test_several_web_addresses_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_WEB_URLS", "http://web-1:8000, https://web-2")

    settings = Settings.read()

    assert settings.web_urls == ["http://web-1:8000", "https://web-2"]
    assert settings.masked()["HEADGATE_WEB_URLS"] == "http://web-1:8000,https://web-2"
    assert "HEADGATE_WEB_URLS" in read_invalid_settings(monkeypatch, web_urls="web-1:8000")


def test_warm_pools_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(Settings.read().warm_pools) == ["headgate"]

    monkeypatch.setenv("HEADGATE_WARM_POOLS", "fast, slow")

    assert list(Settings.read().warm_pools) == ["fast", "slow"]


def test_an_external_database_requires_a_prefect_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    message = read_invalid_settings(monkeypatch, database_url=DATABASE_URL)

    assert message == "HEADGATE_DATABASE_URL also needs HEADGATE_PREFECT_API_URL or HEADGATE_PREFECT_DATABASE_URL"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_database_urls_get_the_driver_of_their_user(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("HEADGATE_DATABASE_URL", f"{scheme}://db/headgate")
    monkeypatch.setenv("HEADGATE_PREFECT_DATABASE_URL", f"{scheme}://db/prefect")

    settings = Settings.read()

    assert settings.database_url is not None and settings.database_url.get_secret_value() == "postgresql+psycopg://db/headgate"
    assert settings.prefect_database_url is not None
    assert settings.prefect_database_url.get_secret_value() == "postgresql+asyncpg://db/prefect"


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"port": "70000"}, "HEADGATE_PORT"),
        ({"database_url": "sqlite:///x"}, "HEADGATE_DATABASE_URL"),
        ({"secret": "short"}, "HEADGATE_SECRET"),
        ({"telemetry": "loud"}, "HEADGATE_TELEMETRY"),
        ({"heartbeat_seconds": "15"}, "HEADGATE_LEASE_SECONDS"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_variable(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], named: str) -> None:
    message = read_invalid_settings(monkeypatch, **variables)

    assert named in message
    assert "short" not in message


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_DATABASE_URL", DATABASE_URL)
    monkeypatch.setenv("HEADGATE_PREFECT_API_URL", "http://prefect:4200/api")
    monkeypatch.setenv("HEADGATE_PREFECT_API_AUTH_STRING", "me:hush")
    monkeypatch.setenv("HEADGATE_SECRET", "s" * 40)

    settings = Settings.read()

    shown = str(settings.masked()) + repr(settings)
    assert not any(secret in shown for secret in ("pass:word", "word", "hush", "s" * 40))
    assert settings.masked()["HEADGATE_DATABASE_URL"] == "postgresql+psycopg://me:********@db/headgate"


def test_a_password_in_the_query_of_a_url_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_DATABASE_URL", "postgresql://db/headgate?user=me&password=hush")
    monkeypatch.setenv("HEADGATE_PREFECT_API_URL", "http://me:hush@prefect:4200/api")

    assert "hush" not in str(Settings.read().masked())


def test_the_environment_of_stages_is_a_json_object_whose_values_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_STAGE_ENV", '{"REGION": "eu-hush", "EMPTY": ""}')

    settings = Settings.read()

    assert {name: value.get_secret_value() for name, value in settings.stage_env.items()} == {"REGION": "eu-hush", "EMPTY": ""}
    assert "eu-hush" not in str(settings.masked()) + repr(settings)


@pytest.mark.parametrize(
    "value",
    [
        "REGION=eu-hush",
        "[]",
        '{"REGION": 1}',
        '{"A=B": "eu-hush"}',
        '{"HEADGATE_TOKEN": "eu-hush"}',
        '{"1A": ""}',
        '{"A": "\\u0000"}',
        "{",
        '"x"',
    ],
)
def test_a_mistake_in_the_environment_of_stages_is_one_line(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    message = read_invalid_settings(monkeypatch, stage_env=value)

    assert message.startswith("HEADGATE_STAGE_ENV: ")
    assert "\n" not in message and "hush" not in message


def test_concurrent_callers_get_the_same_secret(tmp_path: Path) -> None:
    path = tmp_path / "home" / "secret"

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: read_or_create_secret(path), range(32)))

    assert len(answers) == 1 and len(answers.pop()) >= 32
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    assert [entry.name for entry in path.parent.iterdir()] == ["secret"]


def test_every_setting_has_a_description() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def run_headgate(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
    argv = build_forked_argv(*arguments)
    return subprocess.run(argv, env=inherited | environment, capture_output=True, text=True, timeout=60, check=False)


def test_config_prints_the_settings_in_force() -> None:
    result = run_headgate("config", HEADGATE_PORT="8123", HEADGATE_SECRET="k" * 40)

    assert result.returncode == 0
    assert "HEADGATE_PORT=8123" in result.stdout.splitlines()
    assert "HEADGATE_SECRET=********" in result.stdout.splitlines()


@pytest.mark.parametrize(
    ("command", "variables"),
    [("config", {"HEADGATE_PORT": "no"}), ("up", {"HEADGATE_DATABASE_URL": DATABASE_URL}), ("web", {}), ("worker", {}), ("migrate", {})],
)
def test_an_invalid_environment_is_one_line_and_exit_code_2(command: str, variables: dict[str, str]) -> None:
    result = run_headgate(command, **variables)

    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1 and result.stderr.startswith("headgate: ")


def test_events_are_sent_nowhere_by_default() -> None:
    settings = Settings.read()

    assert (settings.ci_events_url, settings.openlineage_url) == (None, None)


def test_ci_events_require_an_api_key(monkeypatch: pytest.MonkeyPatch) -> None:
    message = read_invalid_settings(monkeypatch, ci_events_url="https://api.datadoghq.com")

    assert message == "HEADGATE_CI_EVENTS_URL also needs HEADGATE_DD_API_KEY"


@pytest.mark.parametrize("name", ["ci_events_url", "openlineage_url"])
def test_receiver_urls_must_be_http(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    message = read_invalid_settings(monkeypatch, dd_api_key="key", **{name: "marquez:5000"})

    assert message == f"HEADGATE_{name.upper()}: must start with http:// or https://"


def test_keys_of_receivers_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_DD_API_KEY", "abc-key")
    monkeypatch.setenv("HEADGATE_OPENLINEAGE_API_KEY", "def-key")

    assert not any("-key" in value for value in Settings.read().masked().values())


@pytest.mark.parametrize(("trusted", "address"), [("", "127.0.0.1"), ("127.0.0.1", "203.0.113.9")])
async def test_forwarded_headers_count_only_from_a_trusted_proxy(trusted: str, address: str, tmp_path: Path) -> None:
    settings = Settings.read(home=tmp_path, trusted_proxies=trusted)
    clients: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        clients.append(scope["client"][0])

    config = uvicorn.Config(app, log_config=None, **build_proxy_options(settings))
    config.load()
    scope = {"type": "http", "client": ("127.0.0.1", 1), "scheme": "http", "headers": [(b"x-forwarded-for", b"203.0.113.9")]}
    await config.loaded_app(scope, None, None)  # type: ignore[arg-type]

    assert clients == [address]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "headgate.example"])
def test_a_reachable_host_requires_sign_in(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("HEADGATE_HOST", host)
    with pytest.raises(SettingsError, match=r"HEADGATE_HOST: others can reach .*, and sign-in is off") as refused:
        Settings.read().check_exposure()
    assert "headgate user create NAME --role admin" in str(refused.value)

    monkeypatch.setenv("HEADGATE_AUTH", "team")
    monkeypatch.setenv("HEADGATE_URL", "https://headgate.example")
    Settings.read().check_exposure()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.7"])
def test_loopback_does_not_require_sign_in(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("HEADGATE_HOST", host)
    Settings.read().check_exposure()


def test_sign_in_requires_https_or_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_AUTH", "team")
    Settings.read().check_exposure()
    monkeypatch.setenv("HEADGATE_URL", "http://headgate.example")
    with pytest.raises(SettingsError, match=r"HEADGATE_URL: passwords would be sent to .* in clear text"):
        Settings.read().check_exposure()


def test_web_and_up_refuse_an_exposed_host_with_exit_code_2(tmp_path: Path) -> None:
    environment = {**os.environ, "HEADGATE_HOST": "0.0.0.0", "HEADGATE_HOME": str(tmp_path / "home")}
    for command, more in (
        ("up", {}),
        ("web", {"HEADGATE_DATABASE_URL": DATABASE_URL, "HEADGATE_PREFECT_API_URL": "http://127.0.0.1:9/api"}),
    ):
        argv = build_forked_argv(command)
        result = subprocess.run(argv, env={**environment, **more}, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)

        assert result.returncode == 2, result.stderr
        assert result.stderr.startswith("headgate: HEADGATE_HOST: others can reach 0.0.0.0") and result.stderr.count("\n") == 1


def test_an_oidc_issuer_requires_a_client_roles_and_https(monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = {"oidc_issuer": "https://id.example", "oidc_client_id": "headgate"}
    assert read_invalid_settings(monkeypatch, **issuer).startswith("HEADGATE_OIDC_ISSUER also needs")
    assert "HEADGATE_OIDC_ROLES" in read_invalid_settings(monkeypatch, oidc_client_secret="x" * 8, oidc_roles="platform=boss")

    monkeypatch.setenv("HEADGATE_OIDC_ROLES", "platform=admin, cn=x,ou=y=operator,*=viewer")
    assert read_invalid_settings(monkeypatch, oidc_roles="=admin").startswith("HEADGATE_OIDC_ROLES")
    monkeypatch.setenv("HEADGATE_OIDC_ROLES", "platform=admin, *=viewer")
    assert dict(Settings.read().oidc_roles) == {"platform": "admin", "*": "viewer"}
    assert read_invalid_settings(monkeypatch, oidc_issuer="http://id.example") == "HEADGATE_OIDC_ISSUER must start with https://"
