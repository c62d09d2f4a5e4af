"""A stage gets the secrets it asks for, and they are shown nowhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.system.secret_store import LocalSecretStore
from application.ports.system.secrets import SecretUnavailable
from entrypoints.worker.runner.ports import StageEnvironmentError, StageStart
from entrypoints.worker.runner.stage_environment import (
    StageEnvironment,
    StageSettings,
    build_job,
    build_stage_environment,
)
from tests.unit.entrypoints.worker.stage_runner import StageRunner, finish

VALUE = "s3cr3t-canary-value"


def write_secrets(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "secrets"
    file.write_text(text)
    file.chmod(mode)
    return file


def build_start(kind: str = "command", **spec: object) -> StageStart:
    return StageStart(run_id=7, stage="extract", attempt=1, kind=kind, spec=spec, parameters={}, token="t0k", url="http://127.0.0.1:1")


def build(folder: Path, start: StageStart, secrets: LocalSecretStore | None) -> StageEnvironment:
    return build_stage_environment(
        start, StageSettings(folder, folder / "runs", {"PATH": "/usr/bin:/bin", "HEADGATE_SECRET_OTHER": "x" * 9}, secrets)
    )


def test_the_secrets_file_is_read_again_and_overrides_the_environment(tmp_path: Path) -> None:
    file = write_secrets(tmp_path, "# a comment\n\nDB_PASSWORD = first-value=1 \n")
    secrets = LocalSecretStore(file, {"HEADGATE_SECRET_DB_PASSWORD": "from-environment", "HEADGATE_SECRET_TOKEN": "only-environment"})

    first = secrets.read(["DB_PASSWORD", "TOKEN"])
    file.write_text("DB_PASSWORD=second-value")

    assert first == {"DB_PASSWORD": "first-value=1", "TOKEN": "only-environment"}
    assert secrets.read(["DB_PASSWORD"]) == {"DB_PASSWORD": "second-value"}
    assert LocalSecretStore(None, {"HEADGATE_SECRET_API_KEY": VALUE}).read(["api_key"]) == {"api_key": VALUE}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_secrets_file_that_others_can_read_is_rejected(tmp_path: Path, mode: int) -> None:
    with pytest.raises(SecretUnavailable, match="chmod 600"):
        LocalSecretStore(write_secrets(tmp_path, f"A={VALUE}", mode), {}).read(["A"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("B=x", "no secret named A"),
        ("A=", "no secret named A"),
        ("A=short", "shorter than 8"),
        (f"A {VALUE}", "Line 1"),
        ("A=\0" * 9, "NUL"),
    ],
)
def test_an_unusable_secret_is_named_without_its_value(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SecretUnavailable, match=message) as refused:
        LocalSecretStore(write_secrets(tmp_path, text), {}).read(["A"])

    assert VALUE not in str(refused.value)


def test_a_missing_secrets_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SecretUnavailable, match="cannot be read: No such file"):
        LocalSecretStore(tmp_path / "none", {}).read(["A"])


def test_a_stage_gets_the_secrets_it_asks_for_under_its_own_names(tmp_path: Path) -> None:
    secrets = LocalSecretStore(None, {"HEADGATE_SECRET_A": VALUE, "HEADGATE_SECRET_B": "not-asked-for"})

    with_secret = build(tmp_path, build_start(command=["true"], secrets={"PGPASSWORD": "A"}), secrets).env
    without_secret = build(tmp_path, build_start(command=["true"]), secrets).env

    assert with_secret["PGPASSWORD"] == VALUE
    assert set(with_secret) - set(without_secret) == {"PGPASSWORD"}
    assert not [value for value in without_secret.values() if value in (VALUE, "not-asked-for")]


def test_a_missing_secret_fails_the_stage_with_a_clear_message(tmp_path: Path) -> None:
    start = build_start(command=["true"], secrets={"A": "A"})

    with pytest.raises(StageEnvironmentError, match="The worker has no secret named A"):
        build(tmp_path, start, LocalSecretStore(None, {}))
    with pytest.raises(StageEnvironmentError, match="has no secrets"):
        build(tmp_path, start, None)


async def test_a_command_that_prints_its_secret_shows_a_mask(stages: StageRunner, tmp_path: Path) -> None:
    script = 'printf %s "$A" | cut -c1-5 | tr -d "\\n"; sleep 0.05; printf %s "$A" | cut -c6-; echo "$A" >&2; printf %s "$A" | base64'
    start = build_start(command=script, shell=True, secrets={"A": "A"})  # noqa: S604
    stage = build(tmp_path, start, LocalSecretStore(None, {"HEADGATE_SECRET_A": VALUE}))

    lines, end = await finish(await stages.host.run(build_job(start, stage)))

    assert end.succeeded
    output = [(line.stream, line.text) for line in lines]
    assert sorted(output)[0] == ("stderr", "***")
    assert next(text for stream, text in output if stream == "stdout") == "***"
    assert VALUE not in str(output)
    assert VALUE[:5] not in str(output)


async def test_an_attempts_token_is_masked_like_a_secret(stages: StageRunner, tmp_path: Path) -> None:
    script = 'echo "$HEADGATE_TOKEN"; printf %s "$HEADGATE_TOKEN" | base64; echo "Bearer $HEADGATE_TOKEN" >&2'
    start = replace(build_start(command=script, shell=True), token="attempt-token-canary")  # noqa: S604
    stage = build(tmp_path, start, None)

    lines, end = await finish(await stages.host.run(build_job(start, stage)))

    assert end.succeeded
    assert stage.env["HEADGATE_TOKEN"] == "attempt-token-canary"
    assert [line.text for line in lines if line.stream == "stderr"] == ["Bearer ***"]
    assert [line.text[:3] for line in lines if line.stream == "stdout"] == ["***", "***"]


async def test_a_callables_result_traceback_and_error_show_a_mask(stages: StageRunner, tmp_path: Path) -> None:
    stages.module(
        "secretive", "import os\ndef tell(): return {'a': [os.environ['A']], 'n': 1}\ndef fail(): raise ValueError('no ' + os.environ['A'])"
    )
    secrets = LocalSecretStore(None, {"HEADGATE_SECRET_A": VALUE})

    ends = []
    for name in ("tell", "fail"):
        start = build_start("python", callable=f"secretive:{name}", secrets={"A": "A"})
        ends.append(await finish(await stages.host.run(build_job(start, build(tmp_path, start, secrets)))))

    (_, told), (traceback, failed) = ends
    assert told.result == {"a": ["***"], "n": 1}
    assert failed.error == "ValueError: no ***"
    assert "ValueError: no ***" in [line.text for line in traceback]
    assert VALUE not in str(ends)


async def test_no_variable_of_the_worker_reaches_a_stage_of_the_real_host(
    stages: StageRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {
        "HEADGATE_DATABASE_URL": "postgresql://canary",
        "HEADGATE_SECRET": "canary" * 8,
        "HEADGATE_SECRET_B": "canary-canary",
        "HEADGATE_SECRETS_FILE": "/canary",
        "HEADGATE_WORKER_TOKEN": "canary",
        "PREFECT_API_URL": "http://canary",
        "PREFECT_API_AUTH_STRING": "canary",
        "DD_API_KEY": "canary",
        "HEADGATE_DD_API_KEY": "canary",
        "AWS_SECRET_ACCESS_KEY": "canary",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stages.module(
        "looking",
        """
        import os
        def look():
            print(dict(os.environ))
            for process in ("self", os.getppid()):
                print(open(f"/proc/{process}/environ").read())
        """,
    )
    secrets = LocalSecretStore(None, variables)
    settings = StageSettings(tmp_path, tmp_path / "runs", {"PATH": "/usr/bin:/bin", **variables}, secrets)

    output = ""
    for start in (build_start("python", callable="looking:look"), build_start(command=["env"])):
        lines, end = await finish(await stages.host.run(build_job(start, build_stage_environment(start, settings))))
        assert end.succeeded, lines
        output += "\n".join(line.text for line in lines)

    assert "HEADGATE_STAGE=extract" in output
    assert "canary" not in output
    assert "PREFECT_" not in output
