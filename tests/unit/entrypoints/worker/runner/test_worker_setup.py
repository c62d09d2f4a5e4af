"""A worker that starts ends what its earlier life left running, before it can take work."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from pathlib import Path

import pytest

from entrypoints.settings import Settings, SettingsError
from entrypoints.worker.runner.worker_setup import get_worker_token, prepare_stage_hosts
from entrypoints.worker.stage_host.client import build_worker_id
from entrypoints.worker.stage_host.processes import has_mark
from entrypoints.worker.stage_host.protocol import MARK_LENGTH, MARK_NAME
from tests.unit.entrypoints.worker.stage_runner import ENV, is_running, until


@pytest.mark.skipif(sys.platform != "linux", reason="orphaned processes are found through /proc")
async def test_a_starting_worker_ends_and_names_what_it_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(home=tmp_path, worker_name="tester")
    mark = build_worker_id(tmp_path, "tester").ljust(MARK_LENGTH, "1")
    left = await asyncio.create_subprocess_exec("sleep", "600", env=ENV | {MARK_NAME: mark}, start_new_session=True)
    try:
        # The kernel shows the name and the environment of a new program a moment after it has begun.
        await until(lambda: has_mark(left.pid, mark.encode()) and Path(f"/proc/{left.pid}/comm").read_text() == "sleep\n")
        with caplog.at_level(logging.WARNING, "headgate.worker"):
            hosts = await prepare_stage_hosts(settings)
            await hosts.close()

        assert not is_running(left.pid)
        assert caplog.messages == [f"Ended processes that an earlier worker left running: sleep (process {left.pid})."]
    finally:
        with contextlib.suppress(ProcessLookupError):
            left.kill()
        await left.wait()


def test_a_worker_token_is_stripped() -> None:
    assert get_worker_token(Settings(), {"HEADGATE_WORKER_TOKEN": " hg_wrk_1\n"}) == "hg_wrk_1"


@pytest.mark.parametrize("token", ["hg_wrk_1\nhg_wrk_2", "hg wrk", "hg_wrk_ä", "hg_wrk_\x00"])
def test_a_damaged_worker_token_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(SettingsError, match="copy it again") as error:
        get_worker_token(Settings(), {"HEADGATE_WORKER_TOKEN": token})

    assert "hg" not in str(error.value)
