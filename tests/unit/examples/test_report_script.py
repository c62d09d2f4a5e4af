"""Run the shell script that reports a backup against a server that records the requests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from tests.unit.examples.status_recorder import Answer, Recorder, Seen
from tests.unit.examples.test_definitions import ROOT, by_name

SCRIPT = ROOT / "examples" / "nightly_report" / "report.sh"
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def accept(seen: Seen, number: int) -> Answer:
    return 200, {"applied": True, "why": None, "run_id": 41, "seq": number, "status": seen.body["status"]}


def environment(url: str, tmp_path: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "HEADGATE_URL": url} | more


def report(recorder: Recorder, tmp_path: Path, *arguments: Path, **more: str) -> subprocess.CompletedProcess[str]:
    env = environment(recorder.url, tmp_path, **more)
    command = ["sh", str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    (made / "deep er").mkdir(parents=True)
    for number, name in enumerate(["a.txt", 'it\'s "b".txt', "deep er/c.bin"]):
        (made / name).write_bytes(bytes([number]) * 1000)
    return made


@pytest.mark.parametrize("script", sorted((ROOT / "examples").glob("*/*.sh")), ids=lambda path: path.name)
def test_every_script_is_posix_shell_and_executable(script: Path) -> None:
    shell = shutil.which("dash") or "sh"

    checked = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, timeout=10, check=False)

    assert checked.returncode == 0, checked.stderr
    assert script.read_text().startswith("#!/bin/sh\n")
    assert os.access(script, os.X_OK)


@needs_curl
def test_a_backup_is_reported_step_by_step(tmp_path: Path, folder: Path) -> None:
    with Recorder(accept) as headgate:
        finished = report(headgate, tmp_path, folder, tmp_path / "offsite")

    assert finished.returncode == 0, finished.stderr
    stages = [stage["name"] for stage in by_name("backup-reported")["stages"]]
    assert headgate.words == ["run running", *(f"{stage} {status}" for stage in stages for status in ("running", "completed"))]
    assert [seen.body.get("records_processed") for seen in headgate.seen[2::2]] == [3, 2, 3]
    assert {seen.path for seen in headgate.seen} == {"/status-update/"}
    assert {seen.body["pipeline_id"] for seen in headgate.seen} == {"backup-reported"}
    assert len({seen.body["event_id"] for seen in headgate.seen}) == len(headgate.seen)
    assert len(list((tmp_path / "offsite").glob("*.tar.gz"))) == 1


@needs_curl
@pytest.mark.parametrize("run_id", [41, "0b9d3a52-77aa-4c1e-9f0e-1c2d3e4f5a6b"], ids=["number", "text"])
def test_every_later_report_names_the_run_of_the_first_response(tmp_path: Path, folder: Path, run_id: int | str) -> None:
    with Recorder(lambda seen, number: (200, {**accept(seen, number)[1], "run_id": run_id})) as headgate:
        finished = report(headgate, tmp_path, folder)

    assert finished.returncode == 0, finished.stderr
    assert [seen.body.get("run_id") for seen in headgate.seen] == [None, *[run_id] * 6]


@needs_curl
def test_folder_and_destination_can_be_relative(tmp_path: Path, folder: Path) -> None:
    with Recorder(accept) as headgate:
        finished = report(headgate, tmp_path, Path("data"), Path("off site"))

    assert finished.returncode == 0, finished.stderr
    assert folder.is_dir()
    assert len(list((tmp_path / "off site").iterdir())) == 2


@needs_curl
def test_no_temporary_file_is_left(tmp_path: Path, folder: Path) -> None:
    with Recorder(accept) as headgate:
        report(headgate, tmp_path, folder)

    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@needs_curl
@pytest.mark.parametrize(("token", "header"), [("s3cret", "Bearer s3cret"), ("", None)], ids=["with a token", "without"])
def test_the_token_is_sent_if_it_is_set(tmp_path: Path, folder: Path, token: str, header: str | None) -> None:
    with Recorder(accept) as headgate:
        report(headgate, tmp_path, folder, HEADGATE_TOKEN=token)

    assert {seen.authorization for seen in headgate.seen} == {header}


@needs_curl
def test_a_failed_step_is_reported_with_its_reason_and_ends_the_script(tmp_path: Path) -> None:
    missing = tmp_path / 'no "such" \\ folder'

    with Recorder(accept) as headgate:
        finished = report(headgate, tmp_path, missing)

    assert finished.returncode == 1
    assert headgate.words == ["run running", "dump running", "dump failed"]
    assert str(missing) in headgate.seen[-1].body["error_message"]


@needs_curl
def test_a_damaged_copy_fails_the_verification(tmp_path: Path, folder: Path) -> None:
    offsite = tmp_path / "offsite"

    def damage(seen: Seen, number: int) -> Answer:
        if seen.word == "verify running":
            next(offsite.glob("*.sha256")).write_text("0000  ./a.txt\n")
        return accept(seen, number)

    with Recorder(damage) as headgate:
        finished = report(headgate, tmp_path, folder, offsite)

    assert finished.returncode == 1
    assert headgate.words[-1] == "verify failed"
    assert "differs" in headgate.seen[-1].body["error_message"]


@needs_curl
def test_a_busy_server_gets_the_same_event_again(tmp_path: Path, folder: Path) -> None:
    def busy_once(seen: Seen, number: int) -> Answer:
        return (503, {"title": "Overloaded"}) if number == 1 else accept(seen, number)

    with Recorder(busy_once) as headgate:
        finished = report(headgate, tmp_path, folder)

    assert finished.returncode == 0, finished.stderr
    assert headgate.words[:3] == ["run running", "run running", "dump running"]
    assert headgate.seen[0].body == headgate.seen[1].body


@needs_curl
@pytest.mark.parametrize(
    ("refusal", "words"),
    [((409, {"title": "Several runs are active"}), "Several runs"), ((200, {"applied": False, "run_id": 41}), "already ended")],
    ids=["409", "not applied"],
)
def test_a_refused_step_is_not_executed(tmp_path: Path, folder: Path, refusal: Answer, words: str) -> None:
    with Recorder(lambda seen, number: refusal if seen.word == "upload running" else accept(seen, number)) as headgate:
        finished = report(headgate, tmp_path, folder, tmp_path / "offsite")

    assert finished.returncode == 2
    assert words in finished.stderr
    assert headgate.words[-1] == "upload running"
    assert not (tmp_path / "offsite").exists()


@needs_curl
def test_an_interrupted_script_reports_its_run_cancelled(tmp_path: Path, folder: Path) -> None:
    dumping, interrupted = threading.Event(), threading.Event()

    def hold(seen: Seen, number: int) -> Answer:
        if seen.word == "dump running":
            dumping.set()
            interrupted.wait(20)
        return accept(seen, number)

    with Recorder(hold) as headgate:
        script = subprocess.Popen(["sh", str(SCRIPT), str(folder)], env=environment(headgate.url, tmp_path))
        assert dumping.wait(20)
        script.send_signal(signal.SIGTERM)
        interrupted.set()
        code = script.wait(20)

    assert code == 1
    assert headgate.words == ["run running", "dump running", "run cancelled"]
    assert headgate.seen[-1].body["run_id"] == 41
