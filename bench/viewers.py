"""Measure a thousand open event streams while a hundred events per second are committed: `python -m bench.viewers`.

The latency runs from the event's own timestamp, taken before its commit, to its arrival at a viewer. One viewer is disconnected repeatedly
and reconnects with `Last-Event-ID`. At the end every viewer must have every event exactly once. Memory is the web process's growth.
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

PARSED_VIEWERS = 20
"""Viewers whose events are parsed. For the others, the bytes are counted and must match."""
_REPORTERS = 16
_EVENT_ID = re.compile(rb"^id: (.+)$", re.MULTILINE)
_DATA = re.compile(rb"^data: (.+)$", re.MULTILINE)


def main() -> None:
    arguments = _parse_arguments()
    with postgres_server() as server, web_process(server) as web:
        print_measurements(measure(web, arguments.viewers, arguments.rate, arguments.seconds))


def measure(web: WebProcess, viewers: int = 1_000, rate: int = 100, seconds: float = 10.0, reconnects: int = 20) -> list[Measurement]:
    return asyncio.run(_measure(web, viewers, rate, seconds, reconnects))


class Viewer(asyncio.Protocol):
    """One open stream. `received` has the arrival time and text of each chunk, if `is_parsed`."""

    def __init__(self, port: int, is_parsed: bool) -> None:
        self._port, self._is_parsed = port, is_parsed
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self.opened = asyncio.Event()
        self.bytes = 0
        self.received: list[tuple[float, bytes]] = []
        self._buffer = b""
        self.last_event_id: bytes | None = None

    async def open(self) -> None:
        self._head, self._buffer = b"", b""
        self.opened.clear()
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._port)
        async with asyncio.timeout(30):
            await self.opened.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        header = f"Last-Event-ID: {self.last_event_id.decode()}\r\n" if self.last_event_id else ""
        transport.write(get("/events/", f"Accept: text/event-stream\r\n{header}"))

    def data_received(self, data: bytes) -> None:
        if not self.opened.is_set():
            self._head += data
            if b"\r\n\r\n" not in self._head or b"id: " not in self._head:
                return
            assert self._head.startswith(b"HTTP/1.1 200"), self._head[:200]
            data = self._head.partition(b"\r\n\r\n")[2]
            self.opened.set()
        self.bytes += len(data)
        if self._is_parsed:
            self._read(data)

    def _read(self, data: bytes) -> None:
        """Keep complete messages only. The server sends an interrupted one again after `last_event_id`."""
        now = time.time()
        complete, end, self._buffer = (self._buffer + data).rpartition(b"\n\n")
        if end:
            self.received.append((now, complete + end))
            ids = _EVENT_ID.findall(complete)
            self.last_event_id = ids[-1] if ids else self.last_event_id

    def disconnect(self) -> None:
        assert self._transport is not None
        self._transport.abort()

    def events(self) -> list[tuple[float, dict[str, object]]]:
        events = [(at, orjson.loads(data)) for at, text in self.received for data in _DATA.findall(text)]
        return [(at, event) for at, event in events if event["type"] == "stage.progress"]


async def _measure(web: WebProcess, viewers: int, rate: int, seconds: float, reconnects: int) -> list[Measurement]:
    web.create_pipeline("bench-viewers", [{"name": "first", "kind": "external"}])
    run_id = web.trigger("bench-viewers")
    web.http.post("/status-update/", json={"run_id": run_id, "stage_name": "first", "status": "running"}).raise_for_status()
    memory_before = _read_memory(web)
    all_viewers = [Viewer(web.port, number < PARSED_VIEWERS) for number in range(viewers)]
    for number in range(0, viewers, 50):
        print_progress("viewers", number, viewers)
        await asyncio.gather(*(viewer.open() for viewer in all_viewers[number : number + 50]))
    print_progress("viewers", viewers, viewers)
    growth = _read_memory(web) - memory_before
    initial_bytes = [viewer.bytes for viewer in all_viewers]  # early viewers received the events of the time until all were connected
    steady, reconnecting = all_viewers[1:], all_viewers[0]
    reconnects_done = asyncio.ensure_future(_reconnect_repeatedly(reconnecting, reconnects, seconds))
    sent = await _send_reports(web.port, run_id, rate, seconds)
    await reconnects_done
    await _wait_for_events(all_viewers[:PARSED_VIEWERS], sent)
    latencies = []
    for viewer in all_viewers[:PARSED_VIEWERS]:
        seqs = [int(str(event["seq"])) for _, event in viewer.events()]
        assert len(seqs) == len(set(seqs)) == sent, f"{sent} events, {len(seqs)} received, {len(set(seqs))} of them distinct"
        if viewer is not reconnecting:
            latencies += [at - datetime.fromisoformat(str(event["at"])).timestamp() for at, event in viewer.events()]
    incomplete = await _count_incomplete(steady, initial_bytes[1:])
    for viewer in all_viewers:
        viewer.disconnect()
    return [
        latency(f"event → each of {viewers:,} viewers, {rate} events/s", latencies),
        quantity(f"events missed or repeated, {reconnects} reconnects among them", 0, ""),
        quantity("viewers that got less than the others", incomplete, ""),
        quantity("memory a viewer", growth / viewers * 1024, "kB"),
    ]


async def _send_reports(port: int, run_id: int, rate: int, seconds: float) -> int:
    """Send `rate` reports per second, each as a request. Return their number."""
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(_REPORTERS)]
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for connection in connections:
        free.put_nowait(connection)

    async def send_report(number: int) -> None:
        reader, writer = await free.get()
        body = {"run_id": run_id, "stage_name": "first", "status": "running", "records_processed": number + 1}
        writer.write(post("/status-update/", orjson.dumps(body)))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        await reader.readuntil(b"}")
        free.put_nowait((reader, writer))

    started, total, reports = time.perf_counter(), round(rate * seconds), []
    for number in range(total):
        if number % rate == 0:
            print_progress("events", number, total)
        await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))
        reports.append(asyncio.ensure_future(send_report(number)))
    await asyncio.gather(*reports)
    print_progress("events", total, total)
    for _, writer in connections:
        writer.close()
    return total


async def _reconnect_repeatedly(viewer: Viewer, times: int, seconds: float) -> None:
    for _ in range(times):
        await asyncio.sleep(seconds / (times + 1))
        viewer.disconnect()
        await viewer.open()


async def _count_incomplete(viewers: Sequence[Viewer], initial_bytes: Sequence[int]) -> int:
    """Return how many viewers have received fewer bytes than the parsed ones, after a few seconds at most."""
    incomplete = 0
    for _ in range(100):
        received = [viewer.bytes - before for viewer, before in zip(viewers, initial_bytes, strict=True)]
        if not (incomplete := sum(each < min(received[: PARSED_VIEWERS - 1]) for each in received)):
            break
        await asyncio.sleep(0.05)
    return incomplete


async def _wait_for_events(viewers: list[Viewer], count: int) -> None:
    async with asyncio.timeout(30):
        while any(len(viewer.events()) < count for viewer in viewers):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def _read_memory(web: WebProcess) -> float:
    """Return the resident memory of the web process in MB."""
    return int(Path(f"/proc/{web.process.pid}/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure open event streams.")
    parser.add_argument("--viewers", type=int, default=1_000, help="open streams (default: 1,000)")
    parser.add_argument("--rate", type=int, default=100, help="events per second (default: 100)")
    parser.add_argument("--seconds", type=float, default=10.0, help="duration in seconds (default: 10)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
