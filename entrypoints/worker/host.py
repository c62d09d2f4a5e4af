"""The stage host: a small process beside the worker that starts stages, streams their output and sees that none outlives the worker.

It is started without site-packages and imports the standard library only, so it is up in some tens of milliseconds and forks in
well under one. One thread, one selector: a fork in it is safe.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from entrypoints.worker.host_callable import give_exit
from entrypoints.worker.host_line import CHUNK, WorkerLine
from entrypoints.worker.host_processes import become_subreaper, call_myself, children, descendants, kill, kill_group
from entrypoints.worker.host_protocol import Message
from entrypoints.worker.host_refusal import NotStarted
from entrypoints.worker.host_stage import Stage

LAST_RESORT: Final = 10.0
"""Seconds after which the host leaves even though a process of its stages cannot be killed (uninterruptible I/O)."""


class Host:
    """Serve one worker over one socket until it goes away."""

    def __init__(self, worker: socket.socket) -> None:
        self._selector = selectors.DefaultSelector()
        self._line = WorkerLine(worker, self._selector, self._obey)
        self._stages: dict[int, Stage] = {}
        self._leaders: dict[int, Stage] = {}
        self._surroundings: Message = {}
        self._pid = os.getpid()
        self._over = False
        self._reading: set[int] = set()

    def serve(self) -> None:
        """Run until the worker is gone, then kill everything that was started."""
        self._watch(_child_signals(), self._reap)
        parent = _end_of_parent()
        if parent is not None:
            self._watch(parent, self._leave)
        signal.signal(signal.SIGTERM, self._leave)
        while not (self._over or self._line.broken):
            self._turn()
        self._end_everything()

    def _turn(self) -> None:
        ending = any(stage.ended for stage in self._stages.values())
        for key, events in self._selector.select(0.01 if ending else None):
            if events & selectors.EVENT_WRITE:
                self._line.flush()
            if events & selectors.EVENT_READ:
                key.data(key.fd)
        for stage in list(self._stages.values()):
            if stage.ended:
                self._conclude(stage)
            else:
                self._regulate(stage)

    def _obey(self, message: Message) -> None:
        match message["op"]:
            case "hello":
                self._surroundings = message
            case "start":
                self._start(message)
            case "signal" if stage := self._stages.get(message["id"]):
                self._signal(stage, message)
            case "credit" if stage := self._stages.get(message["id"]):
                stage.credit += message["bytes"]

    def _start(self, message: Message) -> None:
        try:
            stage = Stage(message, self._surroundings)
        except NotStarted as failure:
            self._line.tell({"op": "failed", "id": message["id"], "error": str(failure), "code": failure.code})
            return
        self._stages[stage.id] = self._leaders[stage.pid] = stage
        self._watch(stage.verdict_end, lambda _: self._take_verdict(stage))
        self._regulate(stage)
        self._line.tell({"op": "started", "id": stage.id, "pid": stage.pid, "at": time.time()})

    def _regulate(self, stage: Stage) -> None:
        """Read a stage's output only while its worker takes it: a full pipe makes the stage wait, and nothing else."""
        open_gate = stage.credit > 0 and not self._line.crowded
        for descriptor in stage.outputs:
            if open_gate and descriptor not in self._reading:
                self._reading.add(descriptor)
                self._watch(descriptor, lambda fd: self._pass_on(stage, fd))
            elif not open_gate and descriptor in self._reading:
                self._unwatch(descriptor)

    def _pass_on(self, stage: Stage, descriptor: int) -> bool:
        """Send on what one read gives. Returns whether there was anything."""
        try:
            data = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return False
        if data:
            stage.credit -= len(data)
            self._line.tell({"op": "output", "id": stage.id, "stream": stage.outputs[descriptor], "at": time.time()}, data)
            self._regulate(stage)
            return True
        self._unwatch(descriptor)
        os.close(descriptor)
        del stage.outputs[descriptor]
        return False

    def _take_verdict(self, stage: Stage) -> None:
        descriptor = stage.verdict_end
        stage.take_verdict()
        if stage.verdict_end < 0 <= descriptor:
            self._unwatch(descriptor)

    def _signal(self, stage: Stage, message: Message) -> None:
        if message["signal"] == "TERM":
            stage.terminating, stage.grace = True, message["grace"]
            if not stage.ended:
                kill_group(stage.pid, signal.SIGTERM)
                # A stopped process obeys only once it goes on.
                kill_group(stage.pid, signal.SIGCONT)
            return
        stage.terminating, stage.grace, stage.deadline = False, 0.0, 0.0
        kill(stage.everything(self._alone, set(self._leaders)))

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
                stage.leader_ended(status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)

    @property
    def _alone(self) -> bool:
        return len(self._stages) == 1

    def _conclude(self, stage: Stage) -> None:
        """Carry an ended stage towards its report: let what it left finish or kill it, empty its pipes, then say how it ended."""
        now = time.monotonic()
        if stage.outputs and now < stage.deadline:
            self._regulate(stage)
            return
        self._reap()
        left = stage.stragglers(self._alone, set(self._leaders))
        if left and stage.terminating and now < stage.deadline:
            return
        kill(left)
        if left and now < stage.deadline + 1:
            return
        if self._drained(stage):
            self._report_end(stage)

    def _drained(self, stage: Stage) -> bool:
        for descriptor in list(stage.outputs):
            while self._pass_on(stage, descriptor):
                if self._line.crowded:
                    return False
        return not self._line.crowded

    def _report_end(self, stage: Stage) -> None:
        self._take_verdict(stage)
        if stage.verdict_end >= 0:
            self._unwatch(stage.verdict_end)
            stage.close_verdict()
        for descriptor in stage.outputs:
            self._unwatch(descriptor)
            os.close(descriptor)
        del self._stages[stage.id]
        self._line.tell({"op": "exited", "id": stage.id, "at": time.time(), **_end_of(stage)})

    def _leave(self, *_: Any) -> None:
        self._over = True

    def _end_everything(self) -> None:
        """Kill all that descends from this process, again and again until nothing does: as subreaper it loses none."""
        deadline = time.monotonic() + LAST_RESORT
        while time.monotonic() < deadline:
            for leader in self._leaders:
                kill_group(leader, signal.SIGKILL)
            kill(descendants(self._pid))
            self._reap()
            if not self._leaders and not children(self._pid):
                return
            time.sleep(0.005)

    def _watch(self, descriptor: int, then: Callable[[int], Any]) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, then)

    def _unwatch(self, descriptor: int) -> None:
        self._reading.discard(descriptor)
        if descriptor in self._selector.get_map():
            self._selector.unregister(descriptor)


def _end_of(stage: Stage) -> Message:
    code = os.waitstatus_to_exitcode(stage.status or 0)
    end: Message = {"code": code if code >= 0 else None, "signal": -code if code < 0 else None, "result": None, "error": None}
    try:
        end |= json.loads(stage.verdict) if stage.verdict else {}
    except ValueError:
        end["error"] = "The stage's result was cut off"
    return end | {"cpu": stage.cpu, "max_rss": stage.max_rss}


def _child_signals() -> int:
    """Give a descriptor that becomes readable when a child has ended."""
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.set_blocking(writable, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    return readable


def _end_of_parent() -> int | None:
    """Give a descriptor that becomes readable when the worker has ended, even if something still holds its socket open."""
    try:
        return os.pidfd_open(os.getppid())
    except (AttributeError, OSError):
        return None


def main(descriptor: int) -> None:
    """Be the host of the worker at the other end of this socket."""
    for sign in (signal.SIGINT, signal.SIGHUP):
        signal.signal(sign, signal.SIG_IGN)
    become_subreaper()
    call_myself("headgate-host")
    give_exit()
    os.set_inheritable(descriptor, False)
    worker = socket.socket(fileno=descriptor)
    # What is here stays for the host's life: no collection should touch it, or each fork would copy its pages.
    gc.disable()
    gc.freeze()
    Host(worker).serve()
