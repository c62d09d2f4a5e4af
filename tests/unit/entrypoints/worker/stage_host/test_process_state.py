"""A stage's process starts as from a login shell: signals, limits, umask, descriptors."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from entrypoints.worker.stage_host.client import StageHost
from tests.unit.entrypoints.worker.stage_runner import StageRunner, texts

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PYTHON_IGNORES = {signal.SIGPIPE, signal.SIGXFSZ}
RESERVED = {32, 33}
"""Signals of the C library's threads. No program can change them."""
SHOW_STATUS = "grep -E '^Sig(Blk|Ign)' /proc/self/status"
SIGNALS = [
    "TERM",
    "HUP",
    "INT",
    "QUIT",
    "USR1",
    "USR2",
    "ALRM",
    "PIPE",
    "CONT",
    "TSTP",
    "TTIN",
    "TTOU",
    "WINCH",
    "XFSZ",
    "RTMIN",
    "RTMAX",
]


def read_signals(lines: list[str]) -> dict[str, set[int]]:
    """Return the signals of each mask that /proc/self/status shows, without those that the C library keeps from programs."""
    masks = dict(line.split(":\t") for line in lines)
    numbers = set(range(1, 65)) - RESERVED
    return {name: {number for number in numbers if int(mask, 16) >> (number - 1) & 1} for name, mask in masks.items()}


@pytest.fixture
def odd_signals() -> Iterator[None]:
    """Ignore and block signals in this process, as nohup, a supervisor or a shell may do before the worker starts."""
    ignored = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGTSTP, signal.SIGRTMIN + 3, signal.SIGRTMAX]
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ignored}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2, signal.SIGALRM, signal.SIGTERM, signal.SIGRTMIN + 1})
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
async def stages(odd_signals: None, tmp_path: Path) -> AsyncIterator[StageRunner]:
    host = await StageHost.start()
    yield StageRunner(host, tmp_path)
    await host.close()


async def test_a_command_ignores_and_blocks_no_signal(stages: StageRunner) -> None:
    lines, _ = await stages.sh(SHOW_STATUS)

    assert read_signals(texts(lines)) == {"SigBlk": set(), "SigIgn": set()}


async def test_a_function_has_the_signals_of_a_new_interpreter(stages: StageRunner) -> None:
    stages.module(
        "shown",
        """
        def run():
            with open("/proc/self/status") as status:
                print("".join(line for line in status if line.startswith(("SigBlk", "SigIgn", "SigCgt"))), end="")
        """,
    )

    lines, _ = await stages.call("shown:run")

    assert read_signals(texts(lines)) == {"SigBlk": set(), "SigIgn": PYTHON_IGNORES, "SigCgt": {signal.SIGINT}}


@pytest.mark.parametrize("name", SIGNALS)
async def test_a_script_can_handle_a_signal(stages: StageRunner, name: str) -> None:
    lines, end = await stages.sh(f"exec bash -c 'trap \"echo got it; exit 5\" {name}; kill -{name} $$; sleep 5; echo went on'")

    assert (texts(lines), end.code) == (["got it"], 5)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGTERM])
async def test_a_program_that_a_stage_starts_ends_by_a_signal(stages: StageRunner, number: signal.Signals) -> None:
    lines, _ = await stages.sh(f"sleep 30 & kill -{number.value} $!; wait $!; echo $?")

    assert texts(lines) == [str(128 + number)]


async def test_a_server_that_ends_by_sigint_ends_in_a_command_and_in_a_function(stages: StageRunner) -> None:
    server = "import time\ntry:\n  print('up', flush=True)\n  time.sleep(30)\nexcept KeyboardInterrupt:\n  print('stopped', flush=True)"
    harness = f"""
        import signal, subprocess, sys
        def run():
            server = subprocess.Popen([sys.executable, "-c", {server!r}], stdout=subprocess.PIPE, text=True)
            server.stdout.readline()
            server.send_signal(signal.SIGINT)
            print(server.communicate(timeout=10)[0].strip(), flush=True)
    """
    stages.module("harness", harness)

    called, _ = await stages.call("harness:run")
    command, _ = await stages.sh(f"{sys.executable} -c 'import harness; harness.run()'", env={"PYTHONPATH": str(stages.folder)})

    assert (texts(called), texts(command)) == (["stopped"], ["stopped"])


async def test_a_function_waits_for_a_child_and_can_handle_its_signal(stages: StageRunner) -> None:
    stages.module(
        "waiting",
        """
        import signal, subprocess
        def run():
            assert signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL
            got = []
            signal.signal(signal.SIGCHLD, lambda number, _: got.append(number))
            print(subprocess.run(["sh", "-c", "exit 7"]).returncode, got == [signal.SIGCHLD])
        """,
    )

    lines, _ = await stages.call("waiting:run")

    assert texts(lines) == ["7 True"]


async def test_a_function_gets_a_keyboard_interrupt(stages: StageRunner) -> None:
    stages.module("interrupted", "import os, signal\ndef run():\n    os.kill(os.getpid(), signal.SIGINT)\n")

    _, end = await stages.call("interrupted:run")

    assert end.error == "KeyboardInterrupt"


async def test_limits_and_umask_are_those_of_the_worker(stages: StageRunner) -> None:
    names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    show = f"print([resource.getrlimit(getattr(resource, name)) for name in {names}], os.umask(0))"
    mask = os.umask(0)
    os.umask(mask)
    stages.module("limits", f"import os, resource\ndef run():\n    {show}\n")
    expected = [f"{[resource.getrlimit(getattr(resource, name)) for name in names]} {mask}"]

    command, _ = await stages.sh(f"{sys.executable} -c 'import limits; limits.run()'")
    called, _ = await stages.call("limits:run")

    assert texts(command) == expected
    assert texts(called) == expected


async def test_no_descriptor_of_the_worker_reaches_a_stage(stages: StageRunner) -> None:
    descriptor = os.open("/dev/zero", os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    try:
        host = await StageHost.start()
        lines, _ = await StageRunner(host, stages.folder).sh("ls -l /proc/$$/fd | grep -c zero; true")
        await host.close()
    finally:
        os.close(descriptor)

    assert texts(lines) == ["0"]
