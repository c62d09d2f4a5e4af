"""The commands that pages show for reports work as pasted, night after night, with the shell and curl of this machine."""

import html
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from domain.runs.status import Status
from tests.support.in_process import InProcessHeadgate
from tests.support.plain_http import NO_TLS
from tests.support.servers import ThreadServer

NIGHTS = (0, 0, 3)
"""The exit codes of the job in three nights."""
JOB = "/usr/local/bin/backup"
MAX_CRONTAB_COMMAND = 998
"""Debian's cron refuses longer commands."""


@dataclass
class Machine:
    """Another machine: runs shell commands with a new process id each, and lets a night pass."""

    headgate: InProcessHeadgate
    folder: Path
    http: httpx.Client

    def run(self, command: str, **environment: str) -> int:
        """Run the command as cron does, and return its exit code. Nothing but curl and the job is needed."""
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **environment}
        return subprocess.run(["/bin/sh", "-c", command], cwd=self.folder, env=env, check=False, timeout=120).returncode

    def pass_night(self) -> None:
        self.headgate.fakes.clock.advance(24 * 3_600)

    def copy_commands(self, page: str) -> list[str]:
        """Return the texts that a page offers to copy."""
        return [html.unescape(re.sub(r"<[^>]*>", "", text)).strip() for text in re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)]

    def list_statuses(self, pipeline: str) -> list[Status]:
        runs = self.http.get(f"/pipelines/{pipeline}/runs").raise_for_status().json()
        return [Status(run["status"]) for run in sorted(runs, key=lambda run: run["number"])]


@pytest.fixture
def server() -> Iterator[ThreadServer]:
    with InProcessHeadgate().serve_in_thread() as server:
        yield server


@pytest.fixture
def machine(server: ThreadServer, tmp_path: Path) -> Iterator[Machine]:
    with httpx.Client(base_url=server.url, headers={"Origin": server.url}, verify=NO_TLS) as http:
        yield Machine(server.headgate, tmp_path, http)


@pytest.fixture
def token_commands(machine: Machine) -> list[str]:
    """Create a pipeline and a reporter token on the page, and return what the token's page shows: a line, a crontab and a unit."""
    stages = [{"name": "dump", "kind": "external"}]
    machine.http.post("/pipelines/", json={"name": "nightly-dump", "stages": stages}).raise_for_status()
    form = {"name": "dump box", "kind": "reporter", "pipeline": "nightly-dump", "days": "30"}
    created = machine.http.post("/ui/tokens", data=form, headers={"Accept": "text/html"})
    page = machine.http.get(created.headers["location"], headers={"Accept": "text/html"})
    return [text for text in machine.copy_commands(page.text) if "/status-update/" in text]


def replace_job(command: str, code: int) -> str:
    assert command.count(JOB) == 1
    return command.replace(JOB, f"(exit {code})")


def run_line(machine: Machine, line: str, code: int) -> None:
    assert machine.run(replace_job(line, code)) == code


def run_crontab(machine: Machine, line: str, code: int) -> None:
    command = re.sub(r"^(\S+ +){5}", "", line)
    assert "%" not in command, "cron would end the command there"
    assert len(command) <= MAX_CRONTAB_COMMAND
    run_line(machine, command, code)


def run_unit(machine: Machine, unit: str, code: int) -> None:
    """Run the unit's commands in the environment that systemd gives them."""
    invocation = {"INVOCATION_ID": os.urandom(16).hex()}
    result = {"SERVICE_RESULT": "exit-code" if code else "success", "EXIT_CODE": "exited", "EXIT_STATUS": str(code)}
    keys = re.findall(r"^(Exec\w+)=(.*)$", unit, re.MULTILINE)
    assert [key for key, _ in keys] == ["ExecStartPre", "ExecStart", "ExecStopPost"]
    assert dict(keys)["ExecStart"] == JOB
    for key, environment in (("ExecStartPre", invocation), ("ExecStopPost", invocation | result)):
        command = dict(keys)[key]
        assert command.startswith("-"), "a report that fails would fail the unit"
        program, option, script = split_as_systemd(command.removeprefix("-"))
        assert (program, option) == ("/bin/sh", "-c")
        assert machine.run(script, **environment) == 0


def split_as_systemd(command: str) -> list[str]:
    """Return the words of a unit's command. systemd fills in `${NAME}` and `%x` itself, and removes a backslash within quotes."""
    assert not re.search(r"\$\{|%", command), "systemd would take it for its own"
    words = re.fullmatch(r"(\S+) (\S+) '([^']*)'", command)
    assert words is not None, command
    return [words[1], words[2], re.sub(r"\\(.)", r"\1", words[3])]


FORMS = {"one line": (0, run_line), "crontab": (1, run_crontab), "systemd": (2, run_unit)}


@pytest.mark.parametrize(("form", "run_night"), list(FORMS.values()), ids=list(FORMS))
def test_three_nights_of_a_pasted_report_are_three_runs_of_which_the_third_failed(
    machine: Machine, token_commands: list[str], form: int, run_night: Callable[[Machine, str, int], None]
) -> None:
    for code in NIGHTS:
        run_night(machine, token_commands[form], code)
        machine.pass_night()

    runs = machine.http.get("/pipelines/nightly-dump/runs").json()
    assert machine.list_statuses("nightly-dump") == [Status.COMPLETED, Status.COMPLETED, Status.FAILED]
    assert all(run["started_at"] for run in runs), "the start was not reported"
    (stage,) = machine.http.get(f"/runs/{max(run['id'] for run in runs)}/stages").json()
    assert "3" in stage["error_message"]


@pytest.mark.parametrize("code", [0, 7])
@pytest.mark.parametrize(("form", "run_night"), list(FORMS.values())[:2], ids=list(FORMS)[:2])
def test_a_job_ends_as_without_reports_while_headgate_is_away(
    machine: Machine, token_commands: list[str], form: int, run_night: Callable[[Machine, str, int], None], code: int
) -> None:
    away = re.sub(r"http://[^/]+/", "http://127.0.0.1:9/", token_commands[form]).replace("--retry 5", "--retry 0")

    run_night(machine, away, code)


def test_a_crontab_line_fits_with_long_names(machine: Machine) -> None:
    from entrypoints.web.view_models.report_commands import build_crontab_line

    line = build_crontab_line(f"https://{'h' * 60}.example.com/status-update/", "hg_rep_" + "x" * 43, "s" * 60)

    assert len(re.sub(r"^(\S+ +){5}", "", line)) <= MAX_CRONTAB_COMMAND


def test_the_requests_of_the_new_page_report_three_nights(machine: Machine) -> None:
    texts = machine.copy_commands(machine.http.get("/ui/new", headers={"Accept": "text/html"}).text)
    create, report = [text for text in texts if text.startswith("curl")]

    assert machine.run(create) == 0
    for code in NIGHTS:
        assert machine.run(report.replace('"completed"', '"failed"') if code else report) == 0
        machine.pass_night()

    assert machine.list_statuses("nightly-backup") == [Status.COMPLETED, Status.COMPLETED, Status.FAILED]


def test_the_request_of_a_pipelines_page_reports_three_nights(machine: Machine, token_commands: list[str]) -> None:
    texts = machine.copy_commands(machine.http.get("/ui/pipelines/nightly-dump", headers={"Accept": "text/html"}).text)
    (report,) = [text for text in texts if "/status-update/" in text]

    for code in NIGHTS:
        assert machine.run(report.replace('"completed"', '"failed"') if code else report) == 0
        machine.pass_night()

    assert machine.list_statuses("nightly-dump") == [Status.COMPLETED, Status.COMPLETED, Status.FAILED]
