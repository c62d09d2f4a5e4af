"""Stages of kind `http`: the addresses they may reach, the requests they send, the output they store."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest

from domain.address_policy import AddressForbidden, AddressPolicy
from domain.errors import InvalidInput
from domain.pipelines.http_request import find_url_problem
from domain.pipelines.parsing import parse_definition
from domain.pipelines.serialization import serialize_pipeline, serialize_stage
from entrypoints.worker.http_stage.http_request import HttpRequest
from entrypoints.worker.http_stage.name_resolution import resolve_allowed
from entrypoints.worker.runner.ports import StageEnvironmentError, StageStart
from entrypoints.worker.runner.stage_environment import StageSettings, build_job, build_stage_environment
from entrypoints.worker.stage_host.job import JobResult
from tests.fakes.system.secrets import FakeSecrets
from tests.unit.entrypoints.worker.stage_runner import StageRunner, finish, texts

NUMBERS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "0",
    "0.0.0.0",
    "0.1.2.3",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "0x7f.0x0.0x0.0x1",
    "10.0.0.1",
    "10.255.255.255",
    "167772161",
    "0x0a000001",
    "012.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "0xac100001",
    "192.168.0.1",
    "192.168.255.255",
    "3232235521",
    "0xc0a80001",
    "0300.0250.0.1",
    "169.254.169.254",
    "169.254.0.1",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "169.16689662",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.254",
    "168.63.129.16",
    "192.0.0.1",
    "192.0.0.170",
    "192.0.2.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "192.88.99.1",
    "224.0.0.1",
    "224.0.0.251",
    "239.255.255.250",
    "233.252.0.1",
    "240.0.0.1",
    "250.1.2.3",
    "255.255.255.255",
    "::",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::127.0.0.1",
    "::7f00:1",
    "::10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "0:0:0:0:0:ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:192.168.1.1",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::ffff:100.64.0.1",
    "::ffff:0.0.0.0",
    "::ffff:224.0.0.1",
    "::ffff:168.63.129.16",
    "64:ff9b::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
    "64:ff9b::8.8.8.8",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2002:0a00:0001::",
    "2002:c0a8:0101::1",
    "2002:0808:0808::1",
    "2001:0:7f00:1::1",
    "2001::1",
    "2001:db8::1",
    "fc00::1",
    "fd00::1",
    "fd00:ec2::254",
    "fd12:3456:789a::1",
    "fe80::1",
    "fe80::a9fe:a9fe",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ff05::1:3",
    "ff0e::1",
    "100::1",
    "fd00:42::42",
    "::ffff:0:127.0.0.1",
]
WRITTEN = [
    "http://user@127.0.0.1/",
    "http://example.com@127.0.0.1/",
    "http://example.com:80@127.0.0.1/",
    "http://127.0.0.1\\@example.com/",
    "http:\\\\127.0.0.1/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://\uff11\uff12\uff17.0.0.1/",
    "http://127\uff0e0\uff0e0\uff0e1/",
    "http://loca\u017fhost/",
    "http://l\u043ecalhost/",
    "http://127.0.0.1%2f@example.com/",
    "http://%31%32%37.0.0.1/",
    "http://[::1%25lo]/",
    "http://[::1]x/",
    "http://example.com\r\nHost: localhost/",
    "http://example.com /",
    "http://exa\tmple.com/",
    " http://127.0.0.1/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_INFO",
    "ftp://127.0.0.1/",
    "dict://127.0.0.1/",
    "unix:///run/docker.sock",
    "//127.0.0.1/",
    "http:///etc",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:8a/",
    "http://example.com/#@127.0.0.1",
    "javascript:alert(1)",
    "",
]


@pytest.mark.parametrize("host", NUMBERS)
def test_a_host_that_is_not_public_is_never_reached(host: str) -> None:
    for name in (host, host if ":" in host else host + "."):
        with pytest.raises(AddressForbidden):
            resolve_allowed(AddressPolicy(), name, 80)


@pytest.mark.parametrize("url", WRITTEN)
def test_a_deceptive_address_is_refused_in_the_definition(url: str) -> None:
    assert find_url_problem(url)


def test_more_than_a_hundred_targets_are_tried() -> None:
    assert len(set(NUMBERS)) + len(set(WRITTEN)) >= 120


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_reached(address: str) -> None:
    assert AddressPolicy().is_allowed(address)


def test_a_name_with_a_public_and_a_private_address_is_refused() -> None:
    def resolve(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
        return [(2, 1, 6, "", ("8.8.8.8", 80)), (2, 1, 6, "", ("10.0.0.1", 80))]

    with pytest.raises(AddressForbidden, match=r"10\.0\.0\.1"):
        resolve_allowed(AddressPolicy(), "example.com", 80, resolve)


def test_only_listed_ports_are_reached() -> None:
    with pytest.raises(AddressForbidden, match="HEADGATE_HTTP_PORTS"):
        resolve_allowed(AddressPolicy(), "8.8.8.8", 6379)


CHANGED: Final = "The output has characters that cannot be stored, which became \ufffd."
BODIES: Final[dict[str, tuple[bytes, Any, str | None]]] = {
    "nul": (b'{"a": "\\u0000"}', {"a": "\ufffd"}, CHANGED),
    "half": (b'["\\ud800"]', ["\ufffd"], CHANGED),
    "bytes": (b"caf\xe9 \x00", "caf\ufffd \ufffd", CHANGED),
    "deep": (b"[" * 60 + b"]" * 60, "[" * 60 + "]" * 60, None),
    "deeper": (b"[" * 30_000, "[" * 30_000, None),
    "digits": (b"1" * 5_000, "1" * 5_000, None),
    "big": (b"9223372036854775808", 2**63, None),
    "infinite": (b'{"a": 1e999}', {"a": float("inf")}, None),
    "long": (b"x" * 70_000, None, "The body was not kept: it has 70,000 bytes, more than 65,536."),
    "empty": (b"", "", None),
}
"""Bodies of responses, with the output's body and the note on it. The report changes the numbers that cannot be stored."""


class Target(http.server.BaseHTTPRequestHandler):
    heard: ClassVar[list[tuple[str, str, dict[str, str], str]]] = []

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.heard.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        path, _, rest = self.path.partition("?")
        content = (
            b"x" * 5_000
            if path == "/big"
            else BODIES[rest][0]
            if path == "/body"
            else json.dumps({"records_processed": 3, "auth": self.headers.get("Authorization")}).encode()
        )
        self.send_response({"/to": 302, "/keep": 307, "/round": 302, "/no": 500}.get(path, 200))
        if path in ("/to", "/keep", "/round"):
            self.send_header("Location", rest or "/round")
        if path == "/packed":
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def target() -> Iterator[int]:
    Target.heard.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Target)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


async def ask(
    stages: StageRunner, folder: Path, port: int, url: str, parameters: dict[str, Any] | None = None, **keys: Any
) -> tuple[list[str], JobResult]:
    definition = parse_definition({"name": "p", "stages": [{"name": "ask", "kind": "http", "url": url, **keys}]})
    assert parse_definition(serialize_pipeline(definition)) == definition
    spec = serialize_stage(definition.stages[0])
    start = StageStart(7, "ask", 1, "http", spec, parameters or {}, "t0k", "http://127.0.0.1:1")
    secrets = FakeSecrets(API="s3cr3t-canary-value")
    around = StageSettings(folder, folder / "runs", {"http_proxy": "http://127.0.0.1:9"}, secrets, ("127.0.0.1/32",), (port,))
    lines, end = await finish(await stages.host.run(build_job(start, build_stage_environment(start, around))))
    return texts(lines), end


async def test_a_request_sends_whole_values_and_the_response_is_the_output(stages: StageRunner, tmp_path: Path, target: int) -> None:
    nasty = "a&b=c #/../\r\nX: y"

    lines, end = await ask(
        stages,
        tmp_path,
        target,
        f"http://127.0.0.1:{target}/in?a=1",
        {"day": nasty},
        method="POST",
        query={"day": {"parameter": "day"}},
        headers={"Authorization": {"secret": "API", "prefix": "Bearer "}},
        body={"day": {"parameter": "day"}, "n": [1]},
    )

    assert end.succeeded, (lines, end)
    (method, path, headers, body), *more = Target.heard
    assert not more
    assert (method, path) == ("POST", "/in?a=1&day=a%26b%3Dc+%23%2F..%2F%0D%0AX%3A+y")
    assert json.loads(body) == {"day": nasty, "n": [1]}
    assert headers["authorization"] == "Bearer s3cr3t-canary-value"
    assert (headers["host"], headers["content-type"]) == (f"127.0.0.1:{target}", "application/json")
    assert end.result is not None
    assert (end.result["status"], end.result["records_processed"], end.result["body"]["auth"]) == (200, 3, "Bearer ***")
    assert "s3cr3t-canary-value" not in str((lines, end))


@pytest.mark.parametrize(
    ("path", "keys", "words"),
    [
        ("/no", {}, "Answered 500; expected 200"),
        ("/big", {"max_bytes": 4_999}, "more than 4,999 bytes"),
        ("/packed", {}, "encoded"),
        ("/round", {}, "More than 5 redirects"),
        ("/to?http://169.254.169.254/latest", {}, "Port 80 is not allowed"),
        ("/to?http://[::1]:{port}/", {}, "not public"),
        ("/to?http://2130706434:{port}/", {}, "not public"),
        ("/to?//127.0.0.2:{port}/", {}, "not public"),
        ("/to?file:///etc/passwd", {}, "forbidden address"),
        ("/to?http://u@127.0.0.1:{port}/", {}, "forbidden address"),
        ("/keep?http://localhost:{port}/", {"method": "POST", "body": "x"}, "another origin|not public"),
    ],
)
async def test_an_unexpected_response_fails_with_a_sentence(
    stages: StageRunner, tmp_path: Path, target: int, path: str, keys: dict[str, Any], words: str
) -> None:
    _, end = await ask(stages, tmp_path, target, f"http://127.0.0.1:{target}{path.format(port=target)}", **keys)

    assert not end.succeeded
    assert end.error is not None
    assert any(word in end.error for word in words.split("|")), end


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_cannot_be_stored_never_fails_the_stage(stages: StageRunner, tmp_path: Path, target: int, name: str) -> None:
    _, end = await ask(stages, tmp_path, target, f"http://127.0.0.1:{target}/body?{name}")

    assert end.succeeded, end
    assert end.result is not None
    assert (end.result["body"], end.note) == BODIES[name][1:]


def test_a_redirect_to_another_origin_carries_no_credentials() -> None:
    headers = {"Authorization": "x", "X-Api-Key": "y", "Cookie": "z", "Accept": "text/plain"}
    call = HttpRequest({"allow": [], "ports": [80], "headers": headers}, lambda _: None)

    call._follow_redirect("http://a.example/", "http://b.example/", 302, "GET", None)

    assert set(call._headers) == {"Accept", "User-Agent", "Accept-Encoding"}
    with pytest.raises(AddressForbidden, match="https to http"):
        call._follow_redirect("https://a.example/", "http://a.example/", 302, "GET", None)


def test_a_name_is_resolved_once_and_the_checked_address_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [[(2, 1, 6, "", ("8.8.8.8", 80))], [(2, 1, 6, "", ("127.0.0.1", 80))]]
    asked: list[str] = []
    connected: list[tuple[str, int]] = []

    def resolve(host: str, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        asked.append(host)
        return answers.pop(0)

    def connect(address: tuple[str, int], **_: Any) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    request: dict[str, Any] = {
        "allow": [],
        "ports": [80],
        "headers": {},
        "url": "http://rebind.example/",
        "method": "GET",
        "body": None,
        "ca_file": None,
    }

    with pytest.raises(ConnectionRefusedError):
        HttpRequest(request, lambda _: None, resolve).send()

    assert asked == ["rebind.example"]
    assert connected == [("8.8.8.8", 80)]


@pytest.mark.parametrize(
    "keys",
    [
        {"url": 7},
        {"method": "CONNECT"},
        {"expected": []},
        {"max_bytes": 0},
        {"headers": {"Host": "x"}},
        {"headers": {"A": "b\r\nC: d"}},
        {"headers": {"A": {"secret": "a b"}}},
        {"query": {"a": []}},
        {"body": float("nan")},
        {"command": ["true"]},
    ],
)
def test_an_impossible_request_is_refused_in_the_definition(keys: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        parse_definition({"name": "p", "stages": [{"name": "ask", "kind": "http", "url": "https://example.com", **keys}]})


async def test_a_missing_parameter_or_secret_is_named(stages: StageRunner, tmp_path: Path) -> None:
    with pytest.raises(StageEnvironmentError, match="no parameter day"):
        await ask(stages, tmp_path, 80, "http://127.0.0.1/", query={"d": {"parameter": "day"}})
    with pytest.raises(StageEnvironmentError, match="no secret named B"):
        await ask(stages, tmp_path, 80, "http://127.0.0.1/", headers={"A": {"secret": "B"}})
