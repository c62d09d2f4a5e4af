"""Stages of kind `command`, on a real host with real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrypoints.worker.stage_host.protocol import MARK_NAME
from tests.unit.entrypoints.worker.stage_runner import StageRunner, finish, texts


async def test_a_command_returns_its_output_on_two_streams_and_its_code(stages: StageRunner) -> None:
    lines, end = await stages.sh("echo out; echo err >&2; exit 3")

    assert texts(lines) == ["out"]
    assert texts(lines, "stderr") == ["err"]
    assert (end.code, end.signal, end.error, end.succeeded) == (3, None, None, False)


async def test_a_command_gets_exactly_the_given_environment(stages: StageRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, _ = await finish(await stages.start("/usr/bin/env", env={"TARGET": "s3"}))

    names = {text.partition("=")[0] for text in texts(lines)}
    assert names == {"PATH", "TARGET", MARK_NAME}


async def test_a_command_gets_only_the_three_standard_descriptors(stages: StageRunner) -> None:
    lines, _ = await stages.sh("ls /proc/$$/fd; true")

    assert sorted(texts(lines)) == ["0", "1", "2"]


async def test_arguments_and_variables_are_inert(stages: StageRunner) -> None:
    nasty = "a b 'c' \"d\" $(touch pwned) `touch pwned`; touch pwned #\n| \\ *"

    lines, _ = await finish(await stages.start("printf", "%s|", nasty, "-", env={"HEADGATE_PARAM_X": nasty}))
    shell, _ = await finish(await stages.start('printf "%s|" "$HEADGATE_PARAM_X" "$0"', nasty, shell=True, env={"HEADGATE_PARAM_X": nasty}))  # noqa: S604

    assert "\n".join(texts(lines)) == f"{nasty}|-|"
    assert "\n".join(texts(shell)) == f"{nasty}|{nasty}|"
    assert not (stages.folder / "pwned").exists()


async def test_a_command_is_the_leader_of_a_session_of_its_own(stages: StageRunner) -> None:
    job = await stages.start("/bin/sh", "-c", "cut -d' ' -f5,6 /proc/self/stat")

    lines, _ = await finish(job)

    assert texts(lines) == [f"{job.pid} {job.pid}"]


async def test_a_command_dies_of_a_closed_pipe_as_it_does_in_a_shell(stages: StageRunner) -> None:
    lines, end = await stages.sh("yes | head -1; exit 0")

    assert (texts(lines), texts(lines, "stderr"), end.code) == (["y"], [], 0)


async def test_a_missing_program_is_named_in_the_error(stages: StageRunner) -> None:
    _, here = await finish(await stages.start("./publish.sh"))
    _, path = await finish(await stages.start("publish-it"))

    assert here.error == f"No such program: ./publish.sh (looked in {stages.folder})"
    assert path.error is not None
    assert path.error.startswith("No such program: publish-it (looked in PATH: ")
    assert here.code == 127


@pytest.mark.parametrize(
    ("content", "mode", "expected"),
    [
        ("#!/bin/sh\n", 0o644, "is not an executable file"),
        ("#!/no/such/shell\n", 0o755, "cannot be run: its interpreter does not exist (#!/no/such/shell)"),
        ("echo\n", 0o755, "is not a program: it is not a binary and does not begin with #!"),
    ],
)
async def test_a_file_that_cannot_be_run_is_explained(stages: StageRunner, content: str, mode: int, expected: str) -> None:
    script = stages.folder / "publish.sh"
    script.write_text(content)
    script.chmod(mode)

    _, end = await finish(await stages.start("./publish.sh"))

    assert expected in (end.error or "")
    assert not end.succeeded


async def test_an_invalid_working_directory_is_explained(stages: StageRunner) -> None:
    (stages.folder / "file").touch()

    _, missing = await finish(await stages.start("true", cwd=Path("/no/such/place")))
    _, file = await finish(await stages.start("true", cwd=stages.folder / "file"))

    assert missing.error == "No such working directory: /no/such/place"
    assert file.error == f"The working directory is not a directory: {stages.folder}/file"


async def test_impossible_arguments_fail_only_their_own_stage(stages: StageRunner) -> None:
    _, nul = await finish(await stages.start("echo", "a\0b"))
    _, long = await finish(await stages.start("echo", "x" * 3_000_000))
    _, empty = await finish(await stages.start())
    _, fine = await finish(await stages.start("true"))

    assert nul.error == "echo was not started: embedded null byte"
    assert long.error == "echo was not started: its arguments and environment are too long together"
    assert empty.error == "The command is empty"
    assert fine.succeeded
