"""One stage as the host holds it: its leader, its pipes, what it may still send. Standard library only."""

from __future__ import annotations

import os
import subprocess
import time
from typing import Final

from entrypoints.worker.host_child import Ends, become_stage
from entrypoints.worker.host_processes import carries, children, descendants, in_group
from entrypoints.worker.host_protocol import MARK_NAME, RESULT_LIMIT, WINDOW, Message
from entrypoints.worker.host_refusal import NotStarted, check_folder, refusal

DRAIN: Final = 0.5
"""Seconds that processes which outlive the leader may still write before they are killed."""

VERDICT_LIMIT: Final = RESULT_LIMIT * 2


class Stage:
    """A process group the host started, from its fork to the report of its end."""

    def __init__(self, start: Message, surroundings: Message) -> None:
        """Start the stage. Raises NotStarted with the reason."""
        self.id: int = start["id"]
        self.mark = f"{MARK_NAME}={start['env'][MARK_NAME]}".encode()
        self.credit = WINDOW
        self.verdict = bytearray()
        self.status: int | None = None
        self.cpu = 0.0
        self.max_rss = 0
        self.deadline = 0.0
        self.grace = DRAIN
        self.terminating = False
        self.pid, self.outputs, self.verdict_end = self._begin(start, surroundings)

    def _begin(self, start: Message, surroundings: Message) -> tuple[int, dict[int, str], int]:
        check_folder(start["cwd"])
        opened: list[int] = []
        try:
            for _ in range(3):
                opened += os.pipe()
            out, out_end, err, err_end, verdict, verdict_end = opened
            ends = Ends(out_end, err_end, verdict_end)
            pid = _fork(start, ends, surroundings) if start["kind"] in ("python", "http") else _execute(start, ends)
        except (OSError, ValueError, NotStarted) as failure:
            for descriptor in opened:
                os.close(descriptor)
            name = (start["argv"] or [""])[0] if start["kind"] == "command" else start["callable"]
            if isinstance(failure, NotStarted):
                raise
            raise refusal(name, failure, start["env"], start["cwd"]) from failure
        for descriptor in (out_end, err_end, verdict_end):
            os.close(descriptor)
        for descriptor in (out, err, verdict):
            os.set_blocking(descriptor, False)
        return pid, {out: "stdout", err: "stderr"}, verdict

    @property
    def ended(self) -> bool:
        return self.status is not None

    def leader_ended(self, status: int, cpu: float, max_rss: int) -> None:
        """Note how the leader ended, and until when what it left behind may go on writing."""
        self.status, self.cpu, self.max_rss = status, cpu, max_rss
        self.deadline = max(self.deadline, time.monotonic() + self.grace)

    def take_verdict(self) -> None:
        """Read what the child has said so far. All of a dead leader's words are in the pipe already."""
        while self.verdict_end >= 0:
            try:
                data = os.read(self.verdict_end, 65536)
            except BlockingIOError:
                return
            self.verdict += data
            if not data or len(self.verdict) > VERDICT_LIMIT:
                self.close_verdict()

    def close_verdict(self) -> None:
        """Let go of the verdict's pipe, once."""
        if self.verdict_end >= 0:
            os.close(self.verdict_end)
            self.verdict_end = -1

    def everything(self, alone: bool, leaders: set[int]) -> list[int]:
        """List the stage's living processes: those below its leader and those that detached themselves."""
        below = [] if self.ended else [self.pid, *descendants(self.pid)]
        return below + self.stragglers(alone, leaders)

    def stragglers(self, alone: bool, leaders: set[int]) -> list[int]:
        """List processes of this stage that outlived their parent: orphans come to the host, as it is their subreaper.

        One that hides its group, its session and its environment cannot be told from another stage's; it is counted here
        when no other stage is running.
        """
        while True:
            orphans = children(os.getpid())
            found: list[int] = []
            for orphan in orphans:
                if orphan not in leaders:
                    family = [orphan, *descendants(orphan)]
                    if alone or any(in_group(pid, self.pid) or carries(pid, self.mark) for pid in family):
                        found += family
            # A parent that ended while it was looked at has just handed its children to the host: they were in neither list.
            if set(children(os.getpid())) <= set(orphans):
                return found


def _fork(start: Message, ends: Ends, surroundings: Message) -> int:
    host = os.getpid()
    pid = os.fork()
    if pid == 0:
        become_stage(start, ends, host, surroundings)
    return pid


def _execute(start: Message, ends: Ends) -> int:
    argv = start["argv"]
    if not argv or not argv[0]:
        raise NotStarted("The command is empty")
    # subprocess uses vfork here, which is 1.5 ms faster than a fork whose copied pages exec throws away.
    process = subprocess.Popen(
        argv,
        cwd=start["cwd"],
        env=start["env"],
        stdin=0,
        stdout=ends.stdout,
        stderr=ends.stderr,
        start_new_session=True,
    )
    # The host waits for all its children itself.
    process.returncode = 0
    return process.pid
