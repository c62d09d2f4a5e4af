"""A stage's job in the worker: what to start, the lines it prints, how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from entrypoints.worker.stage_host.line_splitter import LineSplitter
from entrypoints.worker.stage_host.protocol import WINDOW, Message
from entrypoints.worker.stage_host.secret_masker import SecretMasker, StreamMasker

Stream = Literal["stdout", "stderr"]


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What to start. `env` is the whole environment; nothing is inherited.

    A `command` is an argument list, executed as it is; with `shell`, `/bin/sh -c` runs its first item with the others as arguments.
    A `python` job names `package.module:function`, which gets `parameters` as keyword arguments. `python` is the interpreter that calls it;
    without one, a process of the worker's own interpreter does.
    """

    kind: Literal["command", "python", "http"]
    cwd: str
    env: Mapping[str, str]
    command: Sequence[str] = ()
    shell: bool = False
    callable: str = ""
    python: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    request: Mapping[str, Any] = field(default_factory=dict)
    """The request of an `http` job, with its references resolved."""
    masker: SecretMasker = field(default_factory=lambda: SecretMasker(()))
    """Masks the stage's secrets in its output, result and error."""

    def message(self) -> Message:
        """Return the host's start message, without id and mark."""
        argv = ["/bin/sh", "-c", *self.command] if self.shell else list(self.command)
        return {
            "kind": self.kind,
            "cwd": self.cwd,
            "env": dict(self.env),
            "argv": argv,
            "callable": self.callable,
            "python": self.python,
            "parameters": dict(self.parameters),
            "request": dict(self.request),
        }


class OutputLine(NamedTuple):
    """One line of output without its line end. `at` is when the host read it (UTC).

    `is_order_approximate` is True if both streams were written meanwhile and the order of their lines is not certain.
    """

    stream: Stream
    text: str
    at: datetime
    is_order_approximate: bool = False


class OutputChunk(NamedTuple):
    """The bytes of both streams that the host read at once, in the order of their writes."""

    parts: list[tuple[Stream, bytes]]
    at: datetime
    is_exact: bool

    @property
    def size(self) -> int:
        return sum(len(data) for _, data in self.parts)


class EndedProcess(NamedTuple):
    """A process that the stage left running and the host killed. `name` is its command name, at most 15 bytes."""

    pid: int
    name: str


class UnfinishedText(NamedTuple):
    """A stage's text after its last line end, as a terminal shows it. `line` counts the lines before it in the stream.

    The text has several lines if the program moves up to change them.
    """

    stream: Stream
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class JobResult:
    """How a job ended: its exit code, or the signal that killed it. `error` is a sentence, if there is one.

    `note` says why a result was left out. `cpu` is in seconds, `max_rss` in bytes.
    """

    code: int | None = None
    signal: int | None = None
    result: dict[str, Any] | None = None
    error: str | None = None
    cpu: float = 0.0
    max_rss: int = 0
    ended_helpers: tuple[EndedProcess, ...] = ()
    note: str | None = None

    @property
    def succeeded(self) -> bool:
        return self.code == 0 and self.error is None


class Job:
    """A started stage. Read `lines` or `batches()` to the end: a stage whose output is not read has to wait."""

    def __init__(self, number: int, send: Callable[[Message], None], masker: SecretMasker) -> None:
        self._masker = masker
        self._maskers: dict[Stream, StreamMasker] = {"stdout": StreamMasker(masker), "stderr": StreamMasker(masker)}
        self.number = number
        self.pid: int | None = None
        self.started_at: datetime | None = None
        self._send = send
        self._chunks: asyncio.Queue[OutputChunk | None] = asyncio.Queue()
        self._splitters: dict[Stream, LineSplitter] = {"stdout": LineSplitter(), "stderr": LineSplitter()}
        self._line_counts: dict[Stream, int] = {"stdout": 0, "stderr": 0}
        self._read_bytes = 0
        self._started = asyncio.Event()
        self._end: asyncio.Future[JobResult] = asyncio.get_running_loop().create_future()

    @property
    def lines(self) -> AsyncIterator[OutputLine]:
        """Every line as it is printed, both streams in the order of their writes as far as it is known. Ends with the job."""
        return self._lines()

    async def _lines(self) -> AsyncIterator[OutputLine]:
        async for batch in self.batches():
            for line in batch:
                yield line

    async def batches(self) -> AsyncIterator[list[OutputLine]]:
        """Yield the same lines in batches, as they arrived."""
        while (chunk := await self._chunks.get()) is not None:
            if lines := [line for stream, data in chunk.parts for line in self._split(stream, data, chunk)]:
                yield lines
            self._acknowledge(chunk.size)
        self._chunks.put_nowait(None)
        now = datetime.now(UTC)
        rest: list[OutputLine] = []
        for stream, splitter in self._splitters.items():
            last = self._maskers[stream].flush()
            rest += [OutputLine(stream, text, now) for text in (*splitter.feed(last), *splitter.flush())]
        if rest:
            yield rest

    def _split(self, stream: Stream, data: bytes, chunk: OutputChunk) -> list[OutputLine]:
        texts = self._splitters[stream].feed(self._maskers[stream].feed(data))
        lines = [OutputLine(stream, text, chunk.at, not chunk.is_exact) for text in texts]
        self._line_counts[stream] += len(lines)
        return lines

    @property
    def unfinished(self) -> list[UnfinishedText]:
        """The unfinished line of each stream that has one."""
        texts = {stream: splitter.get_unfinished(self._maskers[stream].harmless_rest) for stream, splitter in self._splitters.items()}
        return [UnfinishedText(stream, self._line_counts[stream], text) for stream, text in texts.items() if text]

    async def wait(self) -> JobResult:
        """Wait until every process of the job has ended and its output was read. Return how it ended."""
        return await asyncio.shield(self._end)

    async def terminate(self, grace: float) -> JobResult:
        """Send TERM to the job's process group, and KILL to what is left after `grace` seconds. Return how it ended."""
        if not self._end.done():
            self._send({"op": "signal", "id": self.number, "signal": "TERM", "grace": grace})
            await self._wait_for_end(grace)
        return await self.kill()

    async def kill(self) -> JobResult:
        """Kill every process of the job at once. Return how it ended."""
        if not self._end.done():
            self._send({"op": "signal", "id": self.number, "signal": "KILL"})
        return await self.wait()

    async def wait_until_started(self) -> None:
        """Wait until the host has started the job or failed to."""
        await self._started.wait()

    async def _wait_for_end(self, seconds: float) -> None:
        await asyncio.wait([self._end], timeout=seconds)

    def _acknowledge(self, size: int) -> None:
        self._read_bytes += size
        if self._read_bytes >= WINDOW // 4 and not self._end.done():
            self._send({"op": "credit", "id": self.number, "bytes": self._read_bytes})
            self._read_bytes = 0

    def on_started(self, pid: int, at: float) -> None:
        """Record that the job's first process exists."""
        self.pid, self.started_at = pid, datetime.fromtimestamp(at, UTC)
        self._started.set()

    def on_output(self, parts: Sequence[tuple[Stream, int]], at: float, data: bytes, *, is_exact: bool) -> None:
        """Queue a chunk of output, which has parts of both streams of these sizes."""
        cut: list[tuple[Stream, bytes]] = []
        start = 0
        for stream, size in parts:
            cut.append((stream, data[start : start + size]))
            start += size
        self._chunks.put_nowait(OutputChunk(cut, datetime.fromtimestamp(at, UTC), is_exact))

    def on_end(self, end: JobResult) -> None:
        """Record the end. Only the first call has an effect; no output follows."""
        if not self._end.done():
            self._started.set()
            self._chunks.put_nowait(None)
            error = self._masker.text(end.error) if end.error else end.error
            helpers = tuple(helper._replace(name=self._masker.text(helper.name)) for helper in end.ended_helpers)
            self._end.set_result(replace(end, error=error, result=self._masker.value(end.result), ended_helpers=helpers))
