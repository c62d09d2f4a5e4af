"""The settings: from the environment alone, mistakes in one line, secrets hidden."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from entrypoints.http.server import build_proxy_options
from entrypoints.secret_file import read_or_create_secret
from entrypoints.settings import Settings, SettingsError

ROOT = Path(__file__).resolve().parents[3]
SOMEWHERE = "postgresql://me:pass:word@db/headgate"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("HEADGATE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def mistake(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(f"HEADGATE_{name.upper()}", value)
    with pytest.raises(SettingsError) as caught:
        Settings.read()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_any_variable_everything_is_embedded_and_local(tmp_path: Path) -> None:
    settings = Settings.read()

    assert settings.home == tmp_path / ".headgate"
    assert settings.database_url is None
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.worker_slots == 2 * (os.cpu_count() or 1)


def test_a_file_named_dot_env_is_not_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HEADGATE_PORT=1234\n")

    assert Settings.read().port == 8000


def test_variables_are_read_and_an_empty_one_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_PORT", "9001")
    monkeypatch.setenv("HEADGATE_HOST", "0.0.0.0")
    monkeypatch.setenv("HEADGATE_DATABASE_URL", "")
    monkeypatch.setenv("HEADGATE_ALLOWED_HOSTS", "board.example, 10.0.0.1")

    settings = Settings.read()

    assert settings.public_url == "http://127.0.0.1:9001"
    assert settings.database_url is None
    assert settings.allowed_hosts == ["board.example", "10.0.0.1"]


def test_more_pools_of_our_own_workers_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(Settings.read().warm_pools) == ["headgate"]

    monkeypatch.setenv("HEADGATE_WARM_POOLS", "fast, slow")

    assert list(Settings.read().warm_pools) == ["fast", "slow"]


def test_a_foreign_database_needs_to_know_where_prefect_is(monkeypatch: pytest.MonkeyPatch) -> None:
    said = mistake(monkeypatch, database_url=SOMEWHERE)

    assert said == "HEADGATE_DATABASE_URL also needs HEADGATE_PREFECT_API_URL or HEADGATE_PREFECT_DATABASE_URL"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_database_addresses_get_the_driver_of_their_reader(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
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
    said = mistake(monkeypatch, **variables)

    assert named in said
    assert "short" not in said


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_DATABASE_URL", SOMEWHERE)
    monkeypatch.setenv("HEADGATE_PREFECT_API_URL", "http://prefect:4200/api")
    monkeypatch.setenv("HEADGATE_PREFECT_API_AUTH_STRING", "me:hush")
    monkeypatch.setenv("HEADGATE_SECRET", "s" * 40)

    settings = Settings.read()

    shown = str(settings.masked()) + repr(settings)
    assert not any(secret in shown for secret in ("pass:word", "word", "hush", "s" * 40))
    assert settings.masked()["HEADGATE_DATABASE_URL"] == "postgresql+psycopg://me:********@db/headgate"


def test_a_password_in_an_address_query_is_not_shown_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_DATABASE_URL", "postgresql://db/headgate?user=me&password=hush")
    monkeypatch.setenv("HEADGATE_PREFECT_API_URL", "http://me:hush@prefect:4200/api")

    assert "hush" not in str(Settings.read().masked())


def test_the_kept_secret_is_one_for_all_who_ask_at_once(tmp_path: Path) -> None:
    path = tmp_path / "home" / "secret"

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: read_or_create_secret(path), range(32)))

    assert len(answers) == 1 and len(answers.pop()) >= 32
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    assert [entry.name for entry in path.parent.iterdir()] == ["secret"]


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def headgate(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[3]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
    argv = [sys.executable, "-m", "entrypoints.cli", *arguments]
    return subprocess.run(argv, env=kept | {"PYTHONPATH": str(root)} | environment, capture_output=True, text=True, timeout=60)


def test_config_prints_what_is_in_force() -> None:
    done = headgate("config", HEADGATE_PORT="8123", HEADGATE_SECRET="k" * 40)

    assert done.returncode == 0
    assert "HEADGATE_PORT=8123" in done.stdout.splitlines()
    assert "HEADGATE_SECRET=********" in done.stdout.splitlines()


@pytest.mark.parametrize(
    ("command", "variables"),
    [("config", {"HEADGATE_PORT": "no"}), ("up", {"HEADGATE_DATABASE_URL": SOMEWHERE}), ("web", {}), ("worker", {}), ("migrate", {})],
)
def test_a_mistake_in_the_environment_is_one_line_and_code_2(command: str, variables: dict[str, str]) -> None:
    done = headgate(command, **variables)

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("headgate: ")


def test_runs_are_told_to_nobody_unless_an_address_is_given() -> None:
    settings = Settings.read()

    assert (settings.ci_events_url, settings.openlineage_url) == (None, None)


def test_ci_events_need_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    said = mistake(monkeypatch, ci_events_url="https://api.datadoghq.com")

    assert said == "HEADGATE_CI_EVENTS_URL also needs HEADGATE_DD_API_KEY"


@pytest.mark.parametrize("name", ["ci_events_url", "openlineage_url"])
def test_addresses_of_receivers_are_of_http(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    said = mistake(monkeypatch, dd_api_key="key", **{name: "marquez:5000"})

    assert said == f"HEADGATE_{name.upper()}: must start with http:// or https://"


def test_keys_of_receivers_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_DD_API_KEY", "abc-key")
    monkeypatch.setenv("HEADGATE_OPENLINEAGE_API_KEY", "def-key")

    assert not any("-key" in value for value in Settings.read().masked().values())


@pytest.mark.parametrize(("trusted", "address"), [("", "127.0.0.1"), ("127.0.0.1", "203.0.113.9")])
async def test_who_asks_is_told_by_a_proxy_only_if_it_is_trusted(trusted: str, address: str, tmp_path: Path) -> None:
    settings = Settings.read(home=tmp_path, trusted_proxies=trusted)
    asked: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["client"][0])

    config = uvicorn.Config(app, log_config=None, **build_proxy_options(settings))
    config.load()
    scope = {"type": "http", "client": ("127.0.0.1", 1), "scheme": "http", "headers": [(b"x-forwarded-for", b"203.0.113.9")]}
    await config.loaded_app(scope, None, None)  # type: ignore[arg-type]

    assert asked == [address]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "headgate.example"])
def test_a_door_that_others_can_reach_is_not_opened_while_nobody_signs_in(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("HEADGATE_HOST", host)
    with pytest.raises(SettingsError, match=r"HEADGATE_HOST: others can reach .*, and sign-in is off") as refused:
        Settings.read().check_exposure()
    assert "headgate user create NAME --role admin" in str(refused.value)

    monkeypatch.setenv("HEADGATE_AUTH", "team")
    monkeypatch.setenv("HEADGATE_URL", "https://headgate.example")
    Settings.read().check_exposure()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.7"])
def test_on_its_own_machine_nobody_needs_to_sign_in(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("HEADGATE_HOST", host)
    Settings.read().check_exposure()


def test_people_do_not_sign_in_where_their_passwords_could_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_AUTH", "team")
    Settings.read().check_exposure()
    monkeypatch.setenv("HEADGATE_URL", "http://headgate.example")
    with pytest.raises(SettingsError, match=r"HEADGATE_URL: passwords would be sent to .* in clear text"):
        Settings.read().check_exposure()


def test_web_and_up_refuse_such_a_door_in_one_line_and_exit_2(tmp_path: Path) -> None:
    environment = {**os.environ, "HEADGATE_HOST": "0.0.0.0", "HEADGATE_HOME": str(tmp_path / "home")}
    for command, more in (("up", {}), ("web", {"HEADGATE_DATABASE_URL": SOMEWHERE, "HEADGATE_PREFECT_API_URL": "http://127.0.0.1:9/api"})):
        argv = [sys.executable, "-m", "entrypoints.cli", command]
        done = subprocess.run(argv, env={**environment, **more}, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)

        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith("headgate: HEADGATE_HOST: others can reach 0.0.0.0") and done.stderr.count("\n") == 1


def test_a_provider_needs_its_client_and_roles_and_a_private_address(monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = {"oidc_issuer": "https://id.example", "oidc_client_id": "headgate"}
    assert mistake(monkeypatch, **issuer).startswith("HEADGATE_OIDC_ISSUER also needs")
    assert "HEADGATE_OIDC_ROLES" in mistake(monkeypatch, oidc_client_secret="x", oidc_roles="platform=boss")

    monkeypatch.setenv("HEADGATE_OIDC_ROLES", "platform=admin, cn=x,ou=y=operator,*=viewer")
    assert mistake(monkeypatch, oidc_roles="=admin").startswith("HEADGATE_OIDC_ROLES")
    monkeypatch.setenv("HEADGATE_OIDC_ROLES", "platform=admin, *=viewer")
    assert dict(Settings.read().oidc_roles) == {"platform": "admin", "*": "viewer"}
    assert mistake(monkeypatch, oidc_issuer="http://id.example") == "HEADGATE_OIDC_ISSUER must start with https://"
