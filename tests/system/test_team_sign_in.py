"""A complete Headgate with sign-in: anonymous access, the first admin, and a token that runs a pipeline."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.headgate_command import build_argv, build_environment
from tests.support.running_headgate import Headgate, temporary_headgate

PASSWORD = "four words of mine"
PROBES = """
for path in /pipelines/ /runs/ /audit/ /worker/stream; do
  code=$(curl -s -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $HEADGATE_TOKEN" "$HEADGATE_URL$path")
  echo "$path $code"; test "$code" = 403 || exit 1
done
curl -fsS "$HEADGATE_URL/status-update/" -H "Authorization: Bearer $HEADGATE_TOKEN" -H 'Content-Type: application/json' \
  -d '{"status": "running", "records_processed": 7}'
"""


@pytest.fixture(scope="module")
def team() -> Iterator[Headgate]:
    with temporary_headgate(examples=False, with_prefect=False, HEADGATE_AUTH="team") as headgate:
        yield headgate.start()


def run_command(team: Headgate, *arguments: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    env = build_environment(team.url) | {"HEADGATE_HOME": str(team.home)} | more
    return subprocess.run(
        build_argv(*arguments), env=env, input=stdin, capture_output=True, text=True, timeout=90, check=False, cwd=team.home.parent
    )


def test_an_anonymous_user_can_only_reach_the_sign_in_page(team: Headgate) -> None:
    answer = team.http.get("/pipelines/")
    page = team.http.get("/", headers={"Accept": "text/html"})
    shown = team.http.get("/ui/sign-in", headers={"Accept": "text/html"})

    assert (answer.status_code, answer.json()["problem"]) == (401, "unauthorized")
    assert (page.status_code, page.headers["location"]) == (303, "/ui/sign-in?next=%2F")
    assert "headgate user create NAME --role admin" in shown.text
    assert team.readiness()["workers"]["count"] == 1


def test_the_first_admin_is_created_in_the_terminal_and_signs_in(team: Headgate) -> None:
    created = run_command(team, "user", "create", "ada", "--role", "admin", "--password-stdin", stdin=PASSWORD + "\n")
    assert created.stdout == "Created account ada (admin).\n", created.stderr

    form = {"name": "ada", "password": PASSWORD, "next": "/ui/audit"}
    signed_in = httpx.post(f"{team.url}/ui/sign-in", data=form)
    cookie = re.match(r"__Host-headgate=[^;]+", signed_in.headers["set-cookie"])
    assert cookie is not None and signed_in.headers["location"] == "/ui/audit"
    page = team.http.get("/ui/audit", headers={"Cookie": cookie[0], "Accept": "text/html"})

    assert "created an account" in page.text and "signed in" in page.text


def test_a_token_runs_a_pipeline_whose_stages_can_only_report(team: Headgate, tmp_path: Path) -> None:
    token = run_command(team, "token", "create", "ci", "--scope", "admin").stdout.strip()
    file = tmp_path / "probing.yaml"
    script = "\n".join("        " + line for line in PROBES.strip().splitlines())
    file.write_text(f"name: probing\nstages:\n  - name: probe\n    shell: true\n    command: |\n{script}\n")

    refused = run_command(team, "apply", str(file))
    applied = run_command(team, "apply", str(file), HEADGATE_API_TOKEN=token)
    ran = run_command(team, "trigger", "probing", "--watch", HEADGATE_API_TOKEN=token)

    assert refused.returncode == 1 and "Sign in, or send a token" in refused.stderr
    assert applied.returncode == 0, applied.stderr
    assert ran.returncode == 0, ran.stdout + ran.stderr
    as_ci = {"Authorization": f"Bearer {token}"}
    (run,) = team.http.get("/pipelines/probing/runs", headers=as_ci).json()
    (stage,) = team.http.get(f"/runs/{run['id']}/stages", headers=as_ci).json()
    assert stage["records_processed"] == 7
    entries = team.http.get("/audit/", headers=as_ci).json()
    assert {(entry["deed"], entry["who"]) for entry in entries} >= {("pipeline_created", "token ci"), ("triggered", "token ci")}
    exported = team.http.get("/audit/export?format=csv", headers=as_ci).text.splitlines()
    assert exported[0].startswith("id,at,deed,who") and len(exported) == len(entries) + 1


def test_no_password_or_token_is_in_the_output(team: Headgate) -> None:
    token = run_command(team, "token", "create", "quiet", "--scope", "read").stdout.strip()
    assert team.http.get("/pipelines/", headers={"Authorization": f"Bearer {token}"}).status_code == 200

    assert token not in team.terminal() and PASSWORD not in team.terminal()
