"""The snippets of a token's page work in a shell, a crontab and a systemd unit."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from application.queries.views.pipelines import PipelineView
from domain.access.api_tokens import ApiToken, TokenKind
from domain.access.permissions import Scope
from entrypoints.web.view_models.access.tokens import build_token_snippets
from tests.support.builders import NOW, a_definition, a_stage

TOKEN = ApiToken(1, "nas", TokenKind.REPORTER, (Scope.REPORT,), 1, "x9Zq", None, NOW)
PIPELINE = PipelineView(1, 1, a_definition("backup", [a_stage("dump", "external")]), NOW, NOW)


@pytest.fixture
def snippets() -> dict[str, str]:
    return {each.title: each.text for each in build_token_snippets("hg_rep_x", TOKEN, PIPELINE, "http://127.0.0.1:8000")}


def run_snippet(folder: Path, script: str, **environment: str) -> list[str]:
    """Return the arguments that the shell passes to curl."""
    (folder / "curl").write_text('#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "$word"; done\n')
    (folder / "curl").chmod(0o755)
    env = {"PATH": f"{folder}:{os.environ['PATH']}", **environment}
    return subprocess.run(["/bin/sh", "-c", script], env=env, capture_output=True, text=True, check=True).stdout.splitlines()


def expected(status: str) -> list[str]:
    sent = json.dumps({"stage_name": "dump", "status": status})
    return ["-fsS", "http://127.0.0.1:8000/status-update/", "-H", "Authorization: Bearer hg_rep_x", "--json", sent]


def test_the_curl_command_sends_one_report(snippets: dict[str, str], tmp_path: Path) -> None:
    assert run_snippet(tmp_path, snippets["One line"]) == expected("completed")


@pytest.mark.parametrize(("ends", "status"), [("true", "completed"), ("false", "failed")])
def test_a_crontab_line_reports_its_result_once(snippets: dict[str, str], tmp_path: Path, ends: str, status: str) -> None:
    (line,) = snippets["In a crontab"].splitlines()
    command = re.sub(r"^(\S+ +){5}", "", line)

    assert "%" not in command, "a crontab would end the line there"
    assert run_snippet(tmp_path, command.replace("/usr/local/bin/backup", ends)) == expected(status)


@pytest.mark.parametrize(("result", "status"), [("success", "completed"), ("exit-code", "failed"), ("timeout", "failed")])
def test_a_systemd_unit_reports_its_result_once(snippets: dict[str, str], tmp_path: Path, result: str, status: str) -> None:
    (line,) = [line for line in snippets["In a systemd unit"].splitlines() if line.startswith("ExecStopPost=")]
    found = re.fullmatch(r"ExecStopPost=/bin/sh -c '(.*)'", line)
    assert found is not None
    unquoted = re.sub(r"\\(.)", r"\1", found[1])  # as systemd unquotes a word

    assert "${" not in unquoted and "%" not in unquoted and "'" not in unquoted, "systemd would take it for its own"
    assert run_snippet(tmp_path, unquoted, SERVICE_RESULT=result) == expected(status)
