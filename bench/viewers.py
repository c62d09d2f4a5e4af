"""A thousand open streams while a hundred events a second are committed: `python -m bench.viewers`.

The time is from the event's own (before its commit) to its arrival at a viewer, so it is never too short. Some viewers are cut off again
and again and come back with `Last-Event-ID`; at the end each must have every event once. Their memory is what the web process grew by.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import orjson

from bench.support.http_load import get, post
from bench.support.measurements import Measurement, latency, print_measurements, print_progress, quantity
from bench.support.web_process import WebProcess, postgres_server, web_process

WATCHED = 20
"""Viewers whose every event is read; of the others the bytes are counted, which must be the same."""
_REPORTERS = 16
_PLACE = re.compile(rb"^id: (.+)$", re.MULTILINE)
_DATA = re.compile(rb"^data: (.+)$", re.MULTILINE)


def main() -> None:
    arguments = _arguments()
    with postgres_server() as server, web_process(server) as web:
        print_measurements(measure(web, arguments.viewers, arguments.rate, arguments.seconds))


def measure(web: WebProcess, viewers: int = 1_000, rate: int = 100, seconds: float = 10.0, reconnects: int = 20) -> list[Measurement]:
    return asyncio.run(_measure(web, viewers, rate, seconds, reconnects))


class Viewer(asyncio.Protocol):
    """One open stream. `came` keeps when each piece came and what it was, for those that are read."""

    def __init__(self, port: int, is_read: bool) -> None:
        self._port, self._is_read = port, is_read
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self.opened = asyncio.Event()
        self.bytes = 0
        self.came: list[tuple[float, bytes]] = []
        self._rest = b""
        self.last: bytes | None = None

    async def open(self) -> None:
        self._head, self._rest = b"", b""
        self.opened.clear()
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._port)
        async with asyncio.timeout(30):
            await self.opened.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        place = f"Last-Event-ID: {self.last.decode()}\r\n" if self.last else ""
        transport.write(get("/events/", f"Accept: text/event-stream\r\n{place}"))

    def data_received(self, data: bytes) -> None:
        if not self.opened.is_set():
            self._head += data
            if b"\r\n\r\n" not in self._head or b"id: " not in self._head:
                return
            assert self._head.startswith(b"HTTP/1.1 200"), self._head[:200]
            data = self._head.partition(b"\r\n\r\n")[2]
            self.opened.set()
        self.bytes += len(data)
        if self._is_read:
            self._read(data)

    def _read(self, data: bytes) -> None:
        """Whole messages only: what was cut off in the middle comes again after its place."""
        now = time.time()
        whole, end, self._rest = (self._rest + data).rpartition(b"\n\n")
        if end:
            self.came.append((now, whole + end))
            places = _PLACE.findall(whole)
            self.last = places[-1] if places else self.last

    def cut(self) -> None:
        assert self._transport is not None
        self._transport.abort()

    def events(self) -> list[tuple[float, dict[str, object]]]:
        found = [(at, orjson.loads(data)) for at, text in self.came for data in _DATA.findall(text)]
        return [(at, event) for at, event in found if event["type"] == "stage.progress"]


async def _measure(web: WebProcess, viewers: int, rate: int, seconds: float, reconnects: int) -> list[Measurement]:
    web.create_pipeline("bench-viewers", [{"name": "first", "kind": "external"}])
    run_id = web.trigger("bench-viewers")
    web.http.post("/status-update/", json={"run_id": run_id, "stage_name": "first", "status": "running"}).raise_for_status()
    before = _resident(web)
    every = [Viewer(web.port, number < WATCHED) for number in range(viewers)]
    for number in range(0, viewers, 50):
        print_progress("viewers", number, viewers)
        await asyncio.gather(*(viewer.open() for viewer in every[number : number + 50]))
    print_progress("viewers", viewers, viewers)
    grown = _resident(web) - before
    greeted = [viewer.bytes for viewer in every]  # who came early was told what happened while the others came
    steady, cut = every[1:], every[0]
    cutting = asyncio.ensure_future(_cut_again_and_again(cut, reconnects, seconds))
    sent = await _report(web.port, run_id, rate, seconds)
    await cutting
    await _until_all_have(every[:WATCHED], sent)
    latencies = []
    for viewer in every[:WATCHED]:
        seqs = [int(str(event["seq"])) for _, event in viewer.events()]
        assert len(seqs) == len(set(seqs)) == sent, f"{sent} events, {len(seqs)} came, {len(set(seqs))} of them different"
        if viewer is not cut:
            latencies += [at - datetime.fromisoformat(str(event["at"])).timestamp() for at, event in viewer.events()]
    short = await _short(steady, greeted[1:])
    for viewer in every:
        viewer.cut()
    return [
        latency(f"event → each of {viewers:,} viewers, {rate} events/s", latencies),
        quantity(f"events missed or repeated, {reconnects} reconnects among them", 0, ""),
        quantity("viewers that got less than the others", short, ""),
        quantity("memory a viewer", grown / viewers * 1024, "kB"),
    ]


async def _report(port: int, run_id: int, rate: int, seconds: float) -> int:
    """That many reports a second, each a request of its own; returns how many there were."""
    lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(_REPORTERS)]
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for line in lines:
        free.put_nowait(line)

    async def say(number: int) -> None:
        reader, writer = await free.get()
        body = {"run_id": run_id, "stage_name": "first", "status": "running", "records_processed": number + 1}
        writer.write(post("/status-update/", orjson.dumps(body)))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        await reader.readuntil(b"}")
        free.put_nowait((reader, writer))

    begin, total, said = time.perf_counter(), round(rate * seconds), []
    for number in range(total):
        if number % rate == 0:
            print_progress("events", number, total)
        await asyncio.sleep(max(0.0, begin + number / rate - time.perf_counter()))
        said.append(asyncio.ensure_future(say(number)))
    await asyncio.gather(*said)
    print_progress("events", total, total)
    for _, writer in lines:
        writer.close()
    return total


async def _cut_again_and_again(viewer: Viewer, times: int, seconds: float) -> None:
    for _ in range(times):
        await asyncio.sleep(seconds / (times + 1))
        viewer.cut()
        await viewer.open()


async def _short(viewers: Sequence[Viewer], greeted: Sequence[int]) -> int:
    """How many were sent less than those that were watched, once what is on its way had time to come."""
    short = 0
    for _ in range(100):
        grown = [viewer.bytes - before for viewer, before in zip(viewers, greeted, strict=True)]
        if not (short := sum(each < min(grown[: WATCHED - 1]) for each in grown)):
            break
        await asyncio.sleep(0.05)
    return short


async def _until_all_have(viewers: list[Viewer], count: int) -> None:
    async with asyncio.timeout(30):
        while any(len(viewer.events()) < count for viewer in viewers):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def _resident(web: WebProcess) -> float:
    """Megabytes of the web process in memory."""
    return int(Path(f"/proc/{web.process.pid}/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure open streams.")
    parser.add_argument("--viewers", type=int, default=1_000, help="open streams (1,000)")
    parser.add_argument("--rate", type=int, default=100, help="events a second (100)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long (10)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
