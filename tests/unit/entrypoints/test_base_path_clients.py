"""The commands and the worker reach a Headgate that a proxy serves below a path."""

import subprocess
from contextlib import aclosing

import pytest
from typer.testing import CliRunner

from entrypoints.cli.app import app
from entrypoints.worker.client.api_client import ApiClient, WorkerIdentity
from tests.fakes import FakeExecutionTokens
from tests.support.builders import a_stage
from tests.support.forked_commands import build_forked_argv
from tests.support.headgate_command import build_environment
from tests.support.reverse_proxy import serving_below

TOKEN = FakeExecutionTokens().issue_worker_token()
IDENTITY = WorkerIdentity("worker-1", "headgate", 4)


@pytest.mark.parametrize("removes_path", [False, True], ids=["passes the path on", "removes the path"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_commands_use_the_path(removes_path: bool, slash: str) -> None:
    with serving_below("/ops/headgate", removes_path=removes_path) as (proxy, served):
        served.do(served.headgate.stories.add_pipeline("nightly", [a_stage("ask", "approval")]))
        environment = {"HEADGATE_URL": proxy.url + slash}
        triggered = CliRunner().invoke(app, ["trigger", "nightly"], env=environment)
        status = CliRunner().invoke(app, ["status"], env=environment)

    assert triggered.exit_code == 0, triggered.output
    assert f"{proxy.url}/ui/runs/1" in triggered.output
    assert status.exit_code == 0 and "nightly" in status.output
    assert proxy.outside == []


@pytest.mark.parametrize("removes_path", [False, True], ids=["passes the path on", "removes the path"])
async def test_a_worker_uses_the_path(removes_path: bool) -> None:
    with serving_below("/ops/headgate", removes_path=removes_path) as (proxy, served):
        for client in (
            ApiClient(f"{proxy.url}/", TOKEN, IDENTITY),
            ApiClient("http://127.0.0.1:9", TOKEN, IDENTITY, web_urls=[f"{proxy.url}/", served.url]),
        ):
            await client.heartbeat(4, None, True, [])
            async with aclosing(client.stream_messages(4)) as messages:  # type: ignore[type-var]
                assert await anext(messages) is None
            await client.unregister()
            await client.close()

    assert proxy.outside == []


@pytest.mark.parametrize(
    ("command", "name", "value"),
    [
        ("web", "HEADGATE_URL", "https://ops.example.com/ui/headgate"),
        ("worker", "HEADGATE_URL", "https://ops.example.com/a%20b"),
        ("status", "HEADGATE_URL", "https://ops.example.com/?x"),
        ("up", "HEADGATE_URL", "https://ops.example.com/schranke-ä"),
        ("worker", "HEADGATE_WEB_URLS", "https://ops.example.com/a,https://ops.example.com/a/../b"),
    ],
)
def test_a_wrong_url_is_one_line_and_exit_code_2(command: str, name: str, value: str) -> None:
    environment = build_environment("http://127.0.0.1:9") | {name: value}
    result = subprocess.run(build_forked_argv(command), env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"headgate: {name}: ")
    assert len(result.stderr.splitlines()) == 1
