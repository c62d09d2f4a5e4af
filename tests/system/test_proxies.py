"""Headgate works on its own machine, and stops, whatever proxies the shell that starts it names."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.forked_commands import build_forked_argv
from tests.support.paths import ROOT
from tests.support.ports import find_free_port
from tests.support.running_headgate import Headgate, temporary_headgate
from tests.system.test_pipelines_run import sh

DEAD = "127.0.0.1:9"
PROXIES = {
    "ALL_PROXY": f"socks5://{DEAD}",
    "all_proxy": f"socks4://{DEAD}",
    "HTTP_PROXY": "http://proxy:abc",
    "http_proxy": f"http://{DEAD}",
    "https_proxy": f"socks5h://{DEAD}",
    "ftp_proxy": f"ftp://{DEAD}",
    "NO_PROXY": "[::,x:y:z,http://[",
}


@pytest.fixture(scope="module")
def headgate() -> Iterator[Headgate]:
    with temporary_headgate(**PROXIES) as headgate:
        yield headgate.start()


def test_a_run_is_executed_and_recorded_with_dead_and_malformed_proxies(headgate: Headgate) -> None:
    headgate.create("local", [{"name": "ask", "command": ["sh", "-c", 'echo "no_proxy=$no_proxy"']}])

    run = headgate.finished(headgate.trigger("local"))
    shown = headgate.build_shell().run("headgate status")

    assert run["status"] == "completed"
    assert "local" in shown
    assert headgate.http.get("/").status_code == 200
    headgate.wait_for_prefect()
    headgate.wait_until(lambda: headgate.http.get(f"/runs/{run['id']}").json()["prefect_flow_run_ids"] != [], 60)


def test_ctrl_c_leaves_no_process(headgate: Headgate) -> None:
    """Stop the Headgate of the test above, which does not run in the tests below."""
    headgate.create("sleeper", [sh("sleep", "sleep 600")])
    run_id = headgate.trigger("sleeper")
    headgate.wait_until(lambda: headgate.stages(run_id)["sleep"]["status"] == "running", 30)

    code = headgate.interrupt()

    assert code == 0, headgate.terminal()
    assert headgate.processes() == [], headgate.terminal()


@pytest.mark.parametrize("proxy", [{"HTTPS_PROXY": f"socks5://{DEAD}"}, {"all_proxy": "http://proxy:abc"}])
@pytest.mark.parametrize("command", [("worker",), ("status",)])
def test_an_unusable_proxy_of_a_remote_headgate_is_one_line(tmp_path: Path, proxy: dict[str, str], command: tuple[str, ...]) -> None:
    surroundings = {"HEADGATE_URL": "https://headgate.invalid", "HEADGATE_PREFECT_API_URL": f"http://127.0.0.1:{find_free_port()}/api"}
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HEADGATE_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}

    ended = subprocess.run(
        build_forked_argv(*command),
        env=environment | surroundings | proxy,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    (name,) = proxy
    assert ended.returncode != 0
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert f"{name} is " in ended.stderr
