"""A complete Headgate with sign-in: anonymous access, the first admin, and a token that runs a pipeline."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.forked_commands import build_forked_argv
from tests.support.headgate_command import build_environment
from tests.support.page_blocks import Block, find_start_command
from tests.support.pasted_commands import replace_each
from tests.support.running_headgate import Headgate, temporary_headgate
from tests.support.sign_in import sign_in

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
    with temporary_headgate(command=find_start_command("docs/how-to/manage-access.md"), with_prefect=False) as headgate:
        yield headgate.start()


def run_command(team: Headgate, *arguments: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    env = build_environment(team.url) | {"HEADGATE_HOME": str(team.home)} | more
    return subprocess.run(
        build_forked_argv(*arguments), env=env, input=stdin, capture_output=True, text=True, timeout=90, check=False, cwd=team.home.parent
    )


def test_an_anonymous_user_can_only_reach_the_sign_in_page(team: Headgate) -> None:
    answer = team.http.get("/pipelines/")
    page = team.http.get("/", headers={"Accept": "text/html"})
    shown = team.http.get("/ui/sign-in", headers={"Accept": "text/html"})

    assert (answer.status_code, answer.json()["problem"]) == (401, "unauthorized")
    assert (page.status_code, page.headers["location"]) == (303, "/ui/sign-in?next=%2F")
    assert "headgate user create NAME --role admin" in shown.text
    assert team.readiness()["workers"]["count"] == 1


def test_a_team_signs_in_and_sends_tokens_as_the_page_says(team: Headgate, blocks: list[Block]) -> None:
    start, create_account, create_token, send_token = blocks
    checkout = team.build_shell()

    shown = checkout.run_in_terminal(create_account.text, [("Password: ", PASSWORD), ("confirmation: ", PASSWORD)])
    token = checkout.run(create_token.text).strip()
    answer = json.loads(checkout.run(replace_each(send_token.text, {"https://headgate.example.com": team.url, "hg_…": token})))

    assert start.text == team.command
    assert "Created account ada (admin)." in shown and PASSWORD not in shown
    assert answer["status"] == "queued"
    refused = team.http.get("/pipelines/", headers={"Authorization": f"Bearer {token}"})
    assert (refused.status_code, refused.json()["problem"]) == (403, "token_scope")
    ada = sign_in(team.url, "ada", PASSWORD, proxy="headgate.example.com")
    actions = {(entry["deed"], entry["who"]): entry for entry in team.http.get("/audit/", headers=ada).json()}
    assert {"account_created", "token_created", "triggered", "signed_in"} <= {deed for deed, _ in actions}
    triggered = actions["triggered", "token nightly"]
    assert (triggered["thing"], triggered["address"]) == (f"run {answer['run_id']}", "127.0.0.1") and triggered["at"]
    page = team.http.get("/ui/audit", headers=ada | {"Accept": "text/html"})
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
