"""The Prefect server that `headgate up` starts."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import certifi
import httpx
import pytest

from adapters.orchestration.prefect_environment import build_client_environment
from adapters.orchestration.prefect_server import PrefectServer
from adapters.orchestration.server_health import wait_until_healthy
from adapters.persistence.embedded.server import EmbeddedPostgres
from entrypoints.process import parent_watch
from tests.support.ports import find_free_port
from tests.support.postgres import a_database
from tests.support.temporary_folders import a_temporary_folder


@pytest.fixture
def server(postgres: EmbeddedPostgres):  # type: ignore[no-untyped-def]
    with a_temporary_folder() as folder, a_database(postgres) as name:
        address = postgres.prefect_url().replace("/prefect?", f"/{name}?")
        yield PrefectServer(folder, find_free_port(), address, "headgate:not-a-secret")


def start_with_parent_watch(server: PrefectServer, inherited: dict[str, str], parent_fd: int, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", parent_watch.__file__, "--", *server.argv()],
            env=server.environment(inherited) | {parent_watch.PARENT_FD_VARIABLE: str(parent_fd)},
            pass_fds=(parent_fd,),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


async def test_it_starts_on_postgresql_requires_the_password_and_ends_with_its_parent(server: PrefectServer, tmp_path: Path) -> None:
    user_profile = tmp_path / "profiles.toml"
    user_profile.write_text('active = "user_profile"\n[profiles.user_profile]\nPREFECT_API_URL = "http://127.0.0.1:9/api"\n')
    inherited = dict(os.environ) | {"PREFECT_PROFILES_PATH": str(user_profile), "PREFECT_API_KEY": "users-own"}
    read_end, write_end = os.pipe()
    process = start_with_parent_watch(server, inherited, read_end, tmp_path / "log")
    os.close(read_end)
    try:
        assert await wait_until_healthy(server.health_url, 90), (tmp_path / "log").read_text()

        async with httpx.AsyncClient(base_url=server.api_url + "/", trust_env=False) as client:
            assert (await client.post("flows/filter", json={})).status_code == 401
            allowed = await client.post("flows/filter", json={}, auth=("headgate", "not-a-secret"))
            assert (allowed.status_code, allowed.json()) == (200, [])
        assert await _becomes_idle(process.pid, 60), "it keeps a core busy"

        os.close(write_end)
        assert process.wait(60) is not None
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


async def _becomes_idle(guard_pid: int, seconds: float) -> bool:
    """Return True once the guard's child uses less than a third of a core for a second, False after `seconds`."""
    (pid,) = Path(f"/proc/{guard_pid}/task/{guard_pid}/children").read_text().split()
    deadline, before = time.monotonic() + seconds, _get_cpu_seconds(pid)
    while time.monotonic() < deadline:
        start = time.monotonic()
        await asyncio.sleep(1)
        used, before = (now := _get_cpu_seconds(pid)) - before, now
        if used < 0.33 * (time.monotonic() - start):
            return True
    return False


def _get_cpu_seconds(pid: str) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_its_recorder_writes_task_runs_in_batches_every_second(tmp_path: Path) -> None:
    """Prefect rounds the interval down, and with 0 its recorder polls without a pause."""
    settings = PrefectServer(tmp_path, 4200, "postgresql+asyncpg://x/prefect", "a:b").environment({})

    assert int(float(settings["PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL"])) >= 1
    assert int(settings["PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE"]) > 1


def test_services_that_headgate_does_not_use_poll_rarely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PrefectServer(tmp_path, 4200, "postgresql+asyncpg://x/prefect", "a:b").environment({}).items():
        monkeypatch.setenv(name, value)

    from prefect.settings import Settings

    services = Settings().server.services

    assert services.task_run_recorder.flush_interval == 1
    assert {
        services.late_runs.loop_seconds,
        services.pause_expirations.loop_seconds,
        services.cleanup_reconciler.loop_seconds,
        services.scheduler.recent_deployments_loop_seconds,
    } == {30}


def test_the_users_own_prefect_settings_reach_neither_server_nor_client(tmp_path: Path) -> None:
    server = PrefectServer(tmp_path, 4200, "postgresql+asyncpg://x/prefect", "a:b")
    inherited = {"PATH": "/bin", "PREFECT_API_KEY": "users-own", "PREFECT_PROFILES_PATH": "/home/user/profiles.toml"}

    for environment in (server.environment(inherited), build_client_environment(tmp_path, server.api_url, "a:b", inherited)):
        assert environment["PATH"] == "/bin"
        assert "PREFECT_API_KEY" not in environment
        assert environment["PREFECT_HOME"] == str(tmp_path / "prefect")
        assert environment["PREFECT_PROFILES_PATH"].startswith(str(tmp_path))


def test_secrets_are_not_arguments(tmp_path: Path) -> None:
    server = PrefectServer(tmp_path, 4200, "postgresql+asyncpg://u:hush@x/prefect", "a:quiet")

    assert "hush" not in " ".join(server.argv()) and "quiet" not in " ".join(server.argv())


def test_an_http_client_loads_one_certificate_and_an_https_client_all(tmp_path: Path) -> None:
    plain = build_client_environment(tmp_path, "http://127.0.0.1:4200/api", None, {})
    secure = build_client_environment(tmp_path, "https://prefect.example/api", None, {})

    one = Path(plain["PREFECT_API_SSL_CERT_FILE"]).read_text()
    assert one.count("BEGIN CERTIFICATE") == 1 and one.strip() in Path(certifi.where()).read_text()
    assert "PREFECT_API_SSL_CERT_FILE" not in secure
    assert "PREFECT_API_AUTH_STRING" not in plain


async def test_waiting_for_an_unreachable_server_times_out() -> None:
    assert not await wait_until_healthy(f"http://127.0.0.1:{find_free_port()}/api/health", 0.5)
