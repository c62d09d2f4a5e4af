"""Completion in a real bash."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.headgate_command import build_environment
from tests.support.in_process import InProcessHeadgate
from tests.support.servers import LoopServer

PROGRAM = "import sys; sys.argv[0] = 'headgate'; from entrypoints.cli.app import main; main()"
TYPED = """
eval "$(headgate completion bash)"
COMP_WORDS=(headgate "$@"); COMP_CWORD=$#; COMP_LINE="headgate $*"
_headgate_completion headgate
printf '%s\\n' "${COMPREPLY[@]}"
"""
pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


def complete(folder: Path, url: str, *words: str) -> tuple[list[str], str]:
    """Return what bash offers for the last word, and what it prints."""
    program = folder / "headgate"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{PROGRAM}" "$@"\n')
    program.chmod(0o755)
    environment = build_environment(url)
    environment["PATH"] = f"{folder}:{environment['PATH']}"
    result = subprocess.run(["bash", "-c", TYPED, "bash", *words], env=environment, capture_output=True, text=True, timeout=60, check=True)
    return result.stdout.split(), result.stderr


async def test_bash_completes_commands_options_pipelines_runs_and_stages(tmp_path: Path) -> None:
    headgate = InProcessHeadgate()
    for name in ("etl", "etl-daily", "flights"):
        await headgate.api.create_pipeline(name)
        await headgate.api.trigger(name)
    server = LoopServer(headgate.app)
    await server.start()
    try:
        offered = [
            (await asyncio.to_thread(complete, tmp_path, server.url, *words))
            for words in (("wai",), ("trigger", "--wa"), ("trigger", "et"), ("cancel", "etl#"), ("skip", "etl#1", "cer"), ("status", "f"))
        ]
    finally:
        await server.stop()

    assert [errors for _, errors in offered] == [""] * 6
    assert [sorted(words) for words, _ in offered] == [["waiting"], ["--watch"], ["etl", "etl-daily"], ["etl#1"], ["certify"], ["flights"]]


def test_without_a_server_nothing_is_offered_and_nothing_is_printed(tmp_path: Path) -> None:
    assert complete(tmp_path, "http://127.0.0.1:9", "trigger", "et") == ([], "")
