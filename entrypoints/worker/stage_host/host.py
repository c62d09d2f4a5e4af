"""The stage host: a small process beside the worker that starts stages, streams their output and kills them when the worker ends.

It runs without site-packages and imports the standard library only, so it starts in tens of milliseconds and forks in less than one.
It has one thread and one selector, so forking is safe.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from entrypoints.worker.stage_host.function_job import describe_missing_start
from entrypoints.worker.stage_host.processes import (
    become_subreaper,
    find_changed_signals,
    get_children,
    get_descendants,
    kill,
    kill_group,
    set_process_name,
)
from entrypoints.worker.stage_host.protocol import Message
from entrypoints.worker.stage_host.python_callable import install_exit_builtins
from entrypoints.worker.stage_host.result_pipe import parse_result
from entrypoints.worker.stage_host.stage_process import StageProcess
from entrypoints.worker.stage_host.start_errors import StageStartError
from entrypoints.worker.stage_host.worker_connection import WorkerConnection
from entrypoints.worker.stage_host.write_watch import WriteWatch

EXIT_TIMEOUT: Final = 10.0
"""Seconds after which the host exits even if a stage's process cannot be killed (uninterruptible I/O)."""


class StageHostServer:
    """Serves one worker over one socket until the worker ends."""

    def __init__(self, worker: socket.socket) -> None:
        self._selector = selectors.DefaultSelector()
        self._connection = WorkerConnection(worker, self._selector, self._handle_message)
        self._stages: dict[int, StageProcess] = {}
        self._leaders: dict[int, StageProcess] = {}
        self._interpreter: Message = {}
        self._writes = WriteWatch()
        self._pid = os.getpid()
        self._is_exiting = False
        self._reading: set[int] = set()

    def serve(self) -> None:
        """Run until the worker ends, then kill every stage."""
        self._watch(_open_child_signals(), self._reap)
        parent = _open_parent_handle()
        if parent is not None:
            self._watch(parent, self._request_exit)
        signal.signal(signal.SIGTERM, self._request_exit)
        find_changed_signals()  # here, so that its children find the answer in the cache
        while not (self._is_exiting or self._connection.is_closed):
            self._poll_once()
        self._kill_everything()

    def _poll_once(self) -> None:
        ending = any(stage.ended for stage in self._stages.values())
        for key, events in self._selector.select(0.01 if ending else None):
            if events & selectors.EVENT_WRITE:
                self._connection.flush()
            if events & selectors.EVENT_READ:
                key.data(key.fd)
        for stage in list(self._stages.values()):
            if stage.ended:
                self._finish_stage(stage)
            else:
                self._apply_backpressure(stage)

    def _handle_message(self, message: Message) -> None:
        match message["op"]:
            case "hello":
                self._interpreter = message
            case "start":
                self._start(message)
            case "signal" if stage := self._stages.get(message["id"]):
                self._signal(stage, message)
            case "credit" if stage := self._stages.get(message["id"]):
                stage.credit += message["bytes"]

    def _start(self, message: Message) -> None:
        try:
            stage = StageProcess(message, self._interpreter, self._writes)
        except StageStartError as failure:
            self._connection.send_message({"op": "failed", "id": message["id"], "error": str(failure), "code": failure.code})
            return
        self._stages[stage.id] = self._leaders[stage.pid] = stage
        self._watch(stage.result_fd, lambda _: self._read_result(stage))
        self._apply_backpressure(stage)
        self._connection.send_message({"op": "started", "id": stage.id, "pid": stage.pid, "at": time.time()})

    def _apply_backpressure(self, stage: StageProcess) -> None:
        """Read a stage's output only while the worker accepts it: a full pipe makes that stage wait, and no other."""
        may_read = stage.credit > 0 and not self._connection.is_congested
        for descriptor in stage.output.descriptors:
            if may_read and descriptor not in self._reading:
                self._reading.add(descriptor)
                self._watch(descriptor, lambda _: self._forward_output(stage))
            elif not may_read and descriptor in self._reading:
                self._unwatch(descriptor)

    def _forward_output(self, stage: StageProcess) -> bool:
        """Forward what the stage has written. Return False if it has written nothing."""
        output = stage.output.read()
        for descriptor in stage.output.take_ended():
            self._unwatch(descriptor)
            os.close(descriptor)
        if not output.parts:
            return False
        data = b"".join(data for _, data in output.parts)
        stage.credit -= len(data)
        parts = [(stream, len(data)) for stream, data in output.parts]
        message = {"op": "output", "id": stage.id, "parts": parts, "exact": output.is_exact, "at": time.time()}
        self._connection.send_message(message, data)
        self._apply_backpressure(stage)
        return True

    def _read_result(self, stage: StageProcess) -> None:
        descriptor = stage.result_fd
        stage.read_result()
        if stage.result_fd < 0 <= descriptor:
            self._unwatch(descriptor)

    def _signal(self, stage: StageProcess, message: Message) -> None:
        stage.was_signalled = True
        if message["signal"] == "TERM":
            stage.terminating, stage.grace = True, message["grace"]
            if not stage.ended:
                kill_group(stage.pid, signal.SIGTERM)
                # A stopped process handles the signal only after it continues.
                kill_group(stage.pid, signal.SIGCONT)
            return
        stage.terminating, stage.grace, stage.deadline = False, 0.0, 0.0
        kill(stage.find_processes(self._has_one_stage, set(self._leaders)))

    def _reap(self, descriptor: int = -1) -> None:
        if descriptor >= 0:
            os.read(descriptor, 4096)
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            stage = self._leaders.pop(pid, None)
            if stage is not None:
                # Kilobytes on Linux, bytes on macOS.
                unit = 1 if sys.platform == "darwin" else 1024
                stage.record_leader_exit(status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)

    @property
    def _has_one_stage(self) -> bool:
        return len(self._stages) == 1

    def _finish_stage(self, stage: StageProcess) -> None:
        """Wait for or kill the processes that an ended stage left, empty its pipes, then report its end."""
        now = time.monotonic()
        if stage.output.descriptors and now < stage.deadline:
            self._apply_backpressure(stage)
            return
        self._reap()
        left = stage.find_stragglers(self._has_one_stage, set(self._leaders))
        if left and stage.terminating and now < stage.deadline:
            return
        stage.record_helpers(left)
        kill(left)
        if left and now < stage.deadline + 1:
            return
        if self._is_drained(stage):
            self._report_end(stage)

    def _is_drained(self, stage: StageProcess) -> bool:
        while self._forward_output(stage):
            if self._connection.is_congested:
                return False
        return not self._connection.is_congested

    def _report_end(self, stage: StageProcess) -> None:
        self._read_result(stage)
        if stage.result_fd >= 0:
            self._unwatch(stage.result_fd)
            stage.close_result()
        for descriptor in stage.output.close():
            self._unwatch(descriptor)
            os.close(descriptor)
        del self._stages[stage.id]
        self._connection.send_message({"op": "exited", "id": stage.id, "at": time.time(), **_build_end(stage)})

    def _request_exit(self, *_: Any) -> None:
        self._is_exiting = True

    def _kill_everything(self) -> None:
        """Kill all descendants until none is left. As their subreaper, this process finds all of them."""
        deadline = time.monotonic() + EXIT_TIMEOUT
        while time.monotonic() < deadline:
            for leader in self._leaders:
                kill_group(leader, signal.SIGKILL)
            kill(get_descendants(self._pid))
            self._reap()
            if not self._leaders and not get_children(self._pid):
                return
            time.sleep(0.005)

    def _watch(self, descriptor: int, on_readable: Callable[[int], Any]) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, on_readable)

    def _unwatch(self, descriptor: int) -> None:
        self._reading.discard(descriptor)
        if descriptor in self._selector.get_map():
            self._selector.unregister(descriptor)


def _build_end(stage: StageProcess) -> Message:
    code = os.waitstatus_to_exitcode(stage.status or 0)
    end: Message = {"code": code if code >= 0 else None, "signal": -code if code < 0 else None, "result": None, "error": None, "note": None}
    try:
        end |= parse_result(stage.result_buffer)
    except (ValueError, RecursionError):
        end["error"] = "The stage's result was cut off"
    if stage.interpreter and not stage.result_buffer and code >= 0 and not stage.was_signalled:
        end["error"] = describe_missing_start(stage.interpreter, code)
    return end | {"helpers": list(stage.ended_helpers.items()), "cpu": stage.cpu, "max_rss": stage.max_rss}


def _open_child_signals() -> int:
    """Return a descriptor that becomes readable when a child ends."""
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.set_blocking(writable, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    return readable


def _open_parent_handle() -> int | None:
    """Return a descriptor that becomes readable when the worker ends, even if another process holds its socket open."""
    try:
        return os.pidfd_open(os.getppid())
    except (AttributeError, OSError):
        return None


def main(descriptor: int) -> None:
    """Run the host for the worker at the other end of this socket."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for sign in (signal.SIGINT, signal.SIGHUP):
        signal.signal(sign, signal.SIG_IGN)
    become_subreaper()
    set_process_name("headgate-host")
    install_exit_builtins()
    os.set_inheritable(descriptor, False)
    worker = socket.socket(fileno=descriptor)
    # Garbage collection would write to these objects, and each fork would copy their pages.
    gc.disable()
    gc.freeze()
    StageHostServer(worker).serve()
