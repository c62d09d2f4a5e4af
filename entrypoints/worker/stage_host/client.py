"""The worker's client of the stage host: starts the host, sends it jobs, and receives their output and end."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import os
import secrets
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, Self

from entrypoints.worker.stage_host.import_path import describe_interpreter
from entrypoints.worker.stage_host.job import EndedProcess, Job, JobResult, JobSpec
from entrypoints.worker.stage_host.processes import has_mark, kill, kill_group, list_processes
from entrypoints.worker.stage_host.protocol import MARK_LENGTH, MARK_NAME, WORKER_PID_NAME, FrameDecoder, Message, encode_frame

HOST_DIED: Final = "the stage host died"
_CHANGED_CHARACTERS: Final = "The output has characters that cannot be stored, which became \ufffd."

# Empty packages stand in for the real ones, so that importing the host runs no other module of ours.
_BOOTSTRAP = """
import sys, types
for name, folder in (("entrypoints", sys.argv[1]), ("entrypoints.worker", sys.argv[2])):
    package = types.ModuleType(name)
    package.__path__ = [folder]
    sys.modules[name] = package
from entrypoints.worker.stage_host.host import main
main(int(sys.argv[3]))
"""

_MARK_PART = MARK_LENGTH // 3

_EXIT_TIMEOUT = 12.0
"""Seconds the host has to kill its stages and exit."""


def build_worker_id(home: Path, name: str) -> str:
    """Return the part of the process marks that every life of a worker shares: a hash of its home folder and its name."""
    return hashlib.sha256(f"{home.resolve()}\0{name}".encode()).hexdigest()[:_MARK_PART]


class HostDied(Exception):
    """The stage host has ended; start another."""


class StageHost:
    """A running host process. After its death its jobs fail and it accepts no more; `start()` another."""

    def __init__(self, process: subprocess.Popen[bytes], token: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._process = process
        self._token = token
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count(1)
        self._jobs: dict[int, Job] = {}
        self._alive = True
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, worker_id: str | None = None) -> Self:
        """Start a host process and send it this interpreter's import path for `python` stages.

        `worker_id` comes from `build_worker_id`. Without one, a later life of this worker does not recognize the processes of this one.
        """
        ours, theirs = socket.socketpair()
        token = (worker_id or secrets.token_hex(_MARK_PART // 2)) + secrets.token_hex(_MARK_PART // 2)
        with theirs:
            process = _spawn(theirs.fileno(), token)
        reader, writer = await asyncio.open_connection(sock=ours)
        writer.write(encode_frame(describe_interpreter() | {"op": "hello"}))
        return cls(process, token, reader, writer)

    @property
    def is_alive(self) -> bool:
        """True while it accepts jobs."""
        return self._alive

    @property
    def pid(self) -> int:
        return self._process.pid

    async def run(self, job: JobSpec) -> Job:
        """Start a stage and return once its process exists or could not be created; `wait()` tells which. Raise HostDied."""
        if not self._alive:
            raise HostDied(HOST_DIED)
        number = next(self._numbers)
        running = self._jobs[number] = Job(number, self._send, job.masker)
        message = job.message() | {"op": "start", "id": number}
        message["env"] = message["env"] | {MARK_NAME: self._mark(number)}
        self._send(message)
        try:
            await running.wait_until_started()
        except asyncio.CancelledError:
            # The caller will never see this job, so it must not keep running.
            self._send({"op": "signal", "id": number, "signal": "KILL"})
            raise
        return running

    async def close(self) -> None:
        """Kill every stage that runs and end the host."""
        self._alive = False
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
        await asyncio.shield(self._listening)

    def _mark(self, number: int) -> str:
        return self._token + f"{number:0{MARK_LENGTH - len(self._token)}x}"

    def _send(self, message: Message) -> None:
        if not self._writer.is_closing():
            self._writer.write(encode_frame(message))

    async def _listen(self) -> None:
        frames = FrameDecoder()
        try:
            while data := await self._reader.read(256 * 1024):
                for message, payload in frames.feed(data):
                    self._handle_message(message, payload)
        except OSError:
            pass
        finally:
            await self._on_host_exit()

    def _handle_message(self, message: Message, payload: bytes) -> None:
        job = self._jobs[message["id"]]
        match message["op"]:
            case "started":
                job.on_started(message["pid"], message["at"])
            case "output":
                job.on_output(message["parts"], message["at"], payload, is_exact=message["exact"])
            case "failed":
                del self._jobs[job.number]
                job.on_end(JobResult(code=message["code"], error=message["error"]))
            case "exited":
                del self._jobs[job.number]
                job.on_end(_parse_end(message))

    async def _on_host_exit(self) -> None:
        """Wait for the host's process, kill what it may have left, and fail its jobs."""
        closing = not self._alive
        self._alive = False
        self._writer.close()
        if not closing:
            self._process.kill()
        await asyncio.to_thread(_wait_for_exit, self._process)
        if not closing or self._process.returncode:
            for job in self._jobs.values():
                if job.pid is not None:
                    kill_group(job.pid, signal.SIGKILL)
            await asyncio.to_thread(_kill_marked, f"{MARK_NAME}={self._token}".encode())
        for job in list(self._jobs.values()):
            job.on_end(JobResult(error="the stage host was closed" if closing else HOST_DIED))
        self._jobs.clear()


def _spawn(descriptor: int, token: str) -> subprocess.Popen[bytes]:
    here = Path(__file__).resolve().parents[1]
    # The worker's environment does not reach the host, so /proc shows no secret of it, neither here nor in callables.
    environment = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-X", "utf8", "-c", _BOOTSTRAP, str(here.parent), str(here), str(descriptor)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[descriptor],
        start_new_session=True,
        cwd="/",
        env=environment | {"LANG": "C.UTF-8", MARK_NAME: token.ljust(MARK_LENGTH, "0"), WORKER_PID_NAME: str(os.getpid())},
    )


def _wait_for_exit(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_EXIT_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _kill_marked(mark: bytes) -> None:
    kill(pid for pid in list_processes() if has_mark(pid, mark))


def _parse_end(message: Message) -> JobResult:
    note = _replace_unstorable(message["note"])
    result = _replace_unstorable(message["result"])
    if result != message["result"]:
        note = f"{note}\n{_CHANGED_CHARACTERS}" if note else _CHANGED_CHARACTERS
    return JobResult(
        code=message["code"],
        signal=message["signal"],
        result=result,
        error=_replace_unstorable(message["error"]),
        note=note,
        cpu=message["cpu"],
        max_rss=message["max_rss"],
        ended_helpers=tuple(EndedProcess(pid, _replace_unstorable(name)) for pid, name in message["helpers"]),
    )


def _replace_unstorable(value: Any) -> Any:
    """Replace NUL and lone surrogates in every string: PostgreSQL cannot store them."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_replace_unstorable(item) for item in value]
    if isinstance(value, dict):
        return {_replace_unstorable(name): _replace_unstorable(item) for name, item in value.items()}
    return value
