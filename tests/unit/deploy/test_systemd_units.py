"""The systemd units of deploy/systemd."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from entrypoints.settings import Settings
from tests.support.paths import ROOT
from tests.support.systemd_units import Unit, read_unit

FOLDER = ROOT / "deploy" / "systemd"
SERVERS = ("headgate-prefect", "headgate-migrate", "headgate-web@8001")
RUNNERS = ("headgate-worker", "headgate-prefect-worker@batch")
LONGEST_WEB_STOP, LONGEST_WORKER_STOP = 10, 15
"""Seconds that a process needs at most after HEADGATE_DRAIN_SECONDS."""
HARDENING = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectKernelModules": "yes",
    "ProtectControlGroups": "yes",
    "PrivateTmp": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
}


@pytest.fixture(params=(*SERVERS, *RUNNERS))
def unit(request: pytest.FixtureRequest) -> Unit:
    return read_unit(FOLDER, request.param)


def test_every_file_is_tested() -> None:
    tested = {f"{name.partition('@')[0]}{'@' if '@' in name else ''}.service" for name in (*SERVERS, *RUNNERS)}

    assert {path.name for path in FOLDER.iterdir()} == tested


def test_a_unit_runs_as_a_user_without_privileges_in_its_own_folder(unit: Unit) -> None:
    assert unit.get("Service", "User") == "headgate"
    assert {key: unit.get("Service", key, "absent") for key in HARDENING} == HARDENING
    assert unit.words("Service", "StateDirectory")[0] == "headgate"
    assert unit.get("Service", "StateDirectoryMode") == "0700"
    assert unit.get("Service", "WorkingDirectory").startswith("/var/lib/headgate")


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_is_limited_to_the_system_calls_of_services(name: str) -> None:
    server = read_unit(FOLDER, name)

    assert server.get("Service", "SystemCallFilter") == "@system-service"
    assert (server.get("Service", "PrivateDevices"), server.get("Service", "UMask")) == ("yes", "0077")


def test_secrets_are_in_files_that_only_root_reads(unit: Unit) -> None:
    (file,) = unit.words("Service", "EnvironmentFile")
    named = {word.partition("=")[0] for word in unit.words("Service", "Environment")}

    assert file.startswith("/etc/headgate/")
    assert not {name for name in named if "SECRET" in name or "TOKEN" in name or "AUTH" in name}
    assert {name.removeprefix("HEADGATE_").lower() for name in named if name.startswith("HEADGATE_")} <= set(Settings.model_fields)


def test_a_unit_that_ends_is_started_again(unit: Unit) -> None:
    assert unit.get("Service", "Restart") == ("on-failure" if unit.is_oneshot else "always")
    assert int(unit.get("Service", "RestartSec")) > 0


def test_a_stopped_worker_may_finish_its_stages() -> None:
    worker = read_unit(FOLDER, "headgate-worker")
    drain = int(dict(word.split("=") for word in worker.words("Service", "Environment"))["HEADGATE_DRAIN_SECONDS"])

    assert worker.get("Service", "KillMode") == "mixed"
    assert drain >= 600
    assert worker.stop_seconds >= drain + LONGEST_WORKER_STOP


def test_a_stopped_web_may_finish_its_requests() -> None:
    web = read_unit(FOLDER, "headgate-web@8001")

    assert web.get("Service", "KillMode") == "mixed"
    assert web.stop_seconds >= Settings.model_fields["drain_seconds"].default + LONGEST_WEB_STOP


def test_the_schema_is_upgraded_before_a_web_starts() -> None:
    web = read_unit(FOLDER, "headgate-web@8001")

    assert "headgate-migrate.service" in set(web.words("Unit", "Wants")) & set(web.words("Unit", "After"))
    assert read_unit(FOLDER, "headgate-migrate").is_oneshot


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    program = tmp_path / "bin"
    program.mkdir()
    for name in ("headgate", "prefect"):
        (program / name).symlink_to("/bin/true")
    for source in FOLDER.iterdir():
        (tmp_path / source.name).write_text(source.read_text().replace("/opt/headgate/bin", str(program)))
    units = [str(tmp_path / f"{name}.service") for name in (*SERVERS, *RUNNERS)]
    for path in map(Path, units):
        if "@" in path.name:
            path.symlink_to(f"{path.name.partition('@')[0]}@.service")

    verified = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, timeout=60, check=False)

    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


def test_a_mistake_in_a_unit_is_found(tmp_path: Path) -> None:
    (tmp_path / "bad.service").write_text("[Service]\nExecStart=/bin/true\nnonsense\n")

    with pytest.raises(AssertionError, match="nonsense"):
        read_unit(tmp_path, "bad")
