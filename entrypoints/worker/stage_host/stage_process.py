"""One running stage in the host: its leader, its output and its output credit. Standard library only."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from typing import Final

from entrypoints.worker.stage_host.child_process import StagePipes, run_stage
from entrypoints.worker.stage_host.function_job import build_arguments, write_job
from entrypoints.worker.stage_host.import_path import warm_caches
from entrypoints.worker.stage_host.processes import (
    die_with_parent,
    get_children,
    get_descendants,
    has_mark,
    is_in_group,
    read_stat,
    reset_signals,
)
from entrypoints.worker.stage_host.protocol import MARK_NAME, RESULT_LIMIT, WINDOW, Message
from entrypoints.worker.stage_host.stage_output import StageOutput
from entrypoints.worker.stage_host.start_errors import StageStartError, check_working_directory, explain_start_failure
from entrypoints.worker.stage_host.write_watch import WriteWatch

DRAIN_SECONDS: Final = 0.5
"""Seconds in which processes that outlive the leader may still write. Then they are killed."""

RESULT_BUFFER_LIMIT: Final = RESULT_LIMIT * 2


class StageProcess:
    """A process group that the host started, from its fork to the report of its end."""

    def __init__(self, start: Message, interpreter: Message, watch: WriteWatch) -> None:
        """Start the stage. Raise StageStartError with the reason if that fails."""
        self.id: int = start["id"]
        self.interpreter: str = start["python"]
        """The interpreter that a `python` stage names, or nothing."""
        self.mark = f"{MARK_NAME}={start['env'][MARK_NAME]}".encode()
        self.credit = WINDOW
        self.result_buffer = bytearray()
        self.status: int | None = None
        self.cpu = 0.0
        self.max_rss = 0
        self.deadline = 0.0
        self.grace = DRAIN_SECONDS
        self.terminating = False
        self.was_signalled = False
        self.ended_helpers: dict[int, str] = {}
        """The processes that the stage left and the host killed, with their command names."""
        self._marked: set[tuple[int, int]] = set()
        """Processes that have been seen with the mark, with their start times. One that is dying has no environment any more."""
        self.pid, self.output, self.result_fd = self._begin(start, interpreter, watch)

    def _begin(self, start: Message, interpreter: Message, watch: WriteWatch) -> tuple[int, StageOutput, int]:
        check_working_directory(start["cwd"])
        opened: list[int] = []
        output: StageOutput | None = None
        try:
            for _ in range(3):
                opened += os.pipe()
            out, out_end, err, err_end, result_buffer, result_fd = opened
            pipes = StagePipes(out_end, err_end, result_fd)
            output = StageOutput(out, err, watch)
            pid = _fork(start, pipes, interpreter) if _runs_in_fork(start) else _spawn(start, pipes)
        except (OSError, ValueError, StageStartError) as failure:
            if output is not None:
                output.close()
            for descriptor in opened:
                os.close(descriptor)
            name = (start["argv"] or [""])[0] if start["kind"] == "command" else start["python"] or start["callable"]
            if isinstance(failure, StageStartError):
                raise
            raise explain_start_failure(name, failure, start["env"], start["cwd"]) from failure
        for descriptor in (out_end, err_end, result_fd):
            os.close(descriptor)
        for descriptor in (out, err, result_buffer):
            os.set_blocking(descriptor, False)
        return pid, output, result_buffer

    @property
    def ended(self) -> bool:
        return self.status is not None

    def record_leader_exit(self, status: int, cpu: float, max_rss: int) -> None:
        """Record how the leader ended, and until when the processes it left may write."""
        self.status, self.cpu, self.max_rss = status, cpu, max_rss
        self.deadline = max(self.deadline, time.monotonic() + self.grace)

    def record_helpers(self, pids: list[int]) -> None:
        """Record the processes that the stage left running, before they are killed. A stage that was stopped has none."""
        if not self.was_signalled:
            stats = {pid: read_stat(pid) for pid in pids if pid not in self.ended_helpers}
            self.ended_helpers |= {pid: stat.name for pid, stat in stats.items() if stat is not None and stat.is_alive}

    def read_result(self) -> None:
        """Read what the child has sent so far. After the leader's death the pipe holds all of it."""
        while self.result_fd >= 0:
            try:
                data = os.read(self.result_fd, 65536)
            except BlockingIOError:
                return
            self.result_buffer += data
            if not data or len(self.result_buffer) > RESULT_BUFFER_LIMIT:
                self.close_result()

    def close_result(self) -> None:
        """Close the result pipe, once."""
        if self.result_fd >= 0:
            os.close(self.result_fd)
            self.result_fd = -1

    def find_processes(self, alone: bool, leaders: set[int]) -> list[int]:
        """List the stage's processes: those below its leader and those that have detached themselves."""
        below = [] if self.ended else [self.pid, *get_descendants(self.pid)]
        for pid in below:
            self._is_marked(pid)
        return below + self.find_stragglers(alone, leaders)

    def find_stragglers(self, alone: bool, leaders: set[int]) -> list[int]:
        """List this stage's processes that outlived their parent. They are children of the host, their subreaper.

        A process that hides its group, session and environment cannot be assigned to a stage; it is listed here if no other stage runs.
        """
        while True:
            orphans = get_children(os.getpid())
            found: list[int] = []
            for orphan in orphans:
                if orphan not in leaders:
                    family = [orphan, *get_descendants(orphan)]
                    if alone or any(is_in_group(pid, self.pid) or self._is_marked(pid) for pid in family):
                        found += family
            # A parent that ended meanwhile has passed its children to the host, and they were in neither list.
            if set(get_children(os.getpid())) <= set(orphans):
                return found

    def _is_marked(self, pid: int) -> bool:
        """Return True if the process has the stage's mark or had it when it was seen before."""
        stat = read_stat(pid)
        if stat is None:
            return False
        if has_mark(pid, self.mark):
            self._marked.add((pid, stat.started))
        return (pid, stat.started) in self._marked


def _fork(start: Message, pipes: StagePipes, interpreter: Message) -> int:
    host = os.getpid()
    if start["kind"] == "python":
        warm_caches(interpreter)
    pid = os.fork()
    if pid == 0:
        run_stage(start, pipes, host, interpreter)
    return pid


def _runs_in_fork(start: Message) -> bool:
    return start["kind"] == "http" or (start["kind"] == "python" and not start["python"])


def _spawn(start: Message, pipes: StagePipes) -> int:
    if start["kind"] == "command":
        return _spawn_program(start, start["argv"], pipes)
    job = write_job(start)
    try:
        return _spawn_program(start, build_arguments(start, pipes.result, job), pipes, (pipes.result, job))
    finally:
        os.close(job)


def _spawn_program(start: Message, argv: list[str], pipes: StagePipes, inherited: Sequence[int] = ()) -> int:
    if not argv or not argv[0]:
        raise StageStartError("The command is empty")
    host = os.getpid()

    # The host has one thread, so code may run between fork and exec. vfork would be 1.5 ms faster, but then the kernel would not end the
    # command when the host is killed.
    def prepare() -> None:
        die_with_parent(host)
        reset_signals()

    process = subprocess.Popen(
        argv,
        cwd=start["cwd"],
        env=start["env"],
        stdin=0,
        stdout=pipes.stdout,
        stderr=pipes.stderr,
        start_new_session=True,
        preexec_fn=prepare,
        pass_fds=inherited,
    )
    # The host itself waits for all its children.
    process.returncode = 0
    return process.pid
