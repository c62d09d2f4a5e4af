"""Apprise: only services with a fixed host, in a thread, with a reason that has no secret."""

from __future__ import annotations

import asyncio
import io
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from adapters.delivery.channels.apprise_sender import AppriseSender, build_body
from adapters.delivery.channels.apprise_urls import SERVICES, find_service, find_url_problem
from application.ports.delivery.channel_sender import DeliveryFailed
from tests.support.alert_messages import SLACK_URL, a_message
from tests.support.paths import ROOT

SLACK = "slack://T00000000/B00000000/aaaabbbbccccddddeeeeffff"
TEAMS = (
    "https://prod-12.westeurope.logic.azure.com:443/workflows/643e69f83c8944/triggers/manual/paths/invoke?sp=x&sv=1.0&sig=KODuebWbDGYFr0z0"
)
URLS = [
    ("discord://123456789012345678/abcdefghijklmnopqrstuvwxyz", "discord.com"),
    ("https://discord.com/api/webhooks/123456789012345678/abcdefghijklmnopqrstuvwxyz", "discord.com"),
    ("flock://abcdefghijklmnopqrstuvwx", "api.flock.com"),
    ("gchat://workspace/key/token", "chat.googleapis.com"),
    ("https://chat.googleapis.com/v1/spaces/AAA/messages?key=kkk&token=ttt", "chat.googleapis.com"),
    ("line://token123456/U1234", "api.line.me"),
    ("opsgenie://a1b2c3d4-a1b2-a1b2-a1b2-a1b2c3d4e5f6", "api.opsgenie.com"),
    ("opsgenie://a1b2c3d4-a1b2-a1b2-a1b2-a1b2c3d4e5f6?region=eu", "api.eu.opsgenie.com"),
    ("pbul://o.abcdefghijklmnop", "api.pushbullet.com"),
    (f"pover://{'u' * 30}@{'a' * 30}", "api.pushover.net"),
    (f"prowl://{'a' * 40}", "api.prowlapp.com"),
    ("signl4://secret12345", "connect.signl4.com"),
    (SLACK, "hooks.slack.com"),
    (SLACK_URL, "hooks.slack.com"),
    ("splunk://route@a1b2c3d4-a1b2-a1b2-a1b2-a1b2c3d4e5f6", "alert.victorops.com"),
    ("victorops://route@a1b2c3d4-a1b2-a1b2-a1b2-a1b2c3d4e5f6", "alert.victorops.com"),
    ("tgram://123456789:abcdefg_hijklmnop/12315544", "api.telegram.org"),
    (f"webex://{'a' * 80}", "api.ciscospark.com"),
    (f"wxteams://{'a' * 80}", "api.ciscospark.com"),
    (TEAMS, "prod-12.westeurope.logic.azure.com"),
]
REFUSED = [
    "",
    "slack",
    "slack://",
    "slack:///",
    "json://localhost/",
    "jsons://example.com/",
    "xml://example.com/",
    "form://example.com",
    "mailto://user:password@example.com",
    "mailtos://example.com",
    "gotify://10.0.0.1/token",
    "ntfy://10.0.0.1/topic",
    "matrix://user:password@10.0.0.1",
    "mmost://10.0.0.1/token",
    "rocket://user:password@10.0.0.1",
    "syslog://",
    "dbus://",
    "windows://",
    "file:///etc/passwd",
    "apprise://example.com/token",
    "workflows://10.0.0.1/workflow/signature",
    "msteams://a@b/c/d",
    "zulip://bot@10.0.0.1/token",
    "pagerduty://a@b",
    "http://hooks.slack.com/services/T00000000/B00000000/aaaabbbb",
    "https://hooks.slack.com@10.0.0.1/services/T/B/X",
    "https://hooks.slack.com.evil.example/services/T/B/X",
    "https://10.0.0.1/services/T/B/X",
    "https://discord.com.evil.example/api/webhooks/12345678/abcdefghijkl",
    "https://evil.example/logic.azure.com/workflows/a/triggers/manual/paths/invoke",
    "https://logic.azure.com.evil.example/workflows/a/triggers/manual/paths/invoke",
    TEAMS.replace(":443", ":22"),
    f"{SLACK}?template=/etc/passwd",
    f"{SLACK}?TEMPLATE=http://169.254.169.254/",
    f"{SLACK}?attach=/etc/passwd",
    f"{SLACK}?verify=no",
    f"{SLACK}?cto=100000",
    f"{SLACK}?+X=y",
    f"{SLACK}\r\nX: y",
    f"{SLACK}?{'a' * 2_000}",
]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The URLs of Apprise's requests, which all get a 200."""
    urls: list[str] = []

    def answer(self: Any, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        urls.append(str(request.url))
        response = requests.Response()
        response.status_code, response.url, response.request = 200, str(request.url), request
        response.raw = io.BytesIO(b"ok" if "opsgenie" not in str(request.url) else b'{"requestId": "1"}')
        return response

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", answer)
    yield urls


@pytest.mark.parametrize(("url", "host"), URLS)
async def test_a_service_is_reached_at_its_fixed_host(sent: list[str], url: str, host: str) -> None:
    assert find_url_problem(url) is None

    await AppriseSender(10.0).send({"url": url}, a_message())

    assert {urlsplit(each).hostname for each in sent} == {host}
    assert all(each.startswith("https://") for each in sent)


def test_every_allowed_service_was_tried() -> None:
    assert {url.partition("://")[0] for url, _ in URLS} - {"https"} == set(SERVICES)


@pytest.mark.parametrize("url", REFUSED)
async def test_another_url_is_refused_and_reaches_nothing(sent: list[str], url: str) -> None:
    assert find_url_problem(url)

    with pytest.raises(DeliveryFailed) as failed:
        await AppriseSender(10.0).send({"url": url}, a_message())

    assert (failed.value.is_permanent, sent) == (True, [])


@pytest.mark.parametrize("url", [None, 5, ["x"]])
def test_what_is_no_text_is_refused(url: object) -> None:
    assert find_url_problem(url)


def test_the_list_of_services_is_in_the_message() -> None:
    problem = find_url_problem("json://localhost") or ""

    assert "slack://" in problem and "opsgenie://" in problem and "Microsoft Teams" in problem


@pytest.mark.parametrize(("url", "length"), [(url, 30_000) for url, _ in URLS])
async def test_a_long_text_is_cut_and_its_links_stay(sent: list[str], url: str, length: int) -> None:
    await AppriseSender(10.0).send({"url": url}, a_message(text="x" * length))

    assert len(sent) == 1


def test_the_links_stay_in_a_body_that_is_cut() -> None:
    body = build_body(a_message(text="x" * 5_000), 1_000)

    assert len(body) <= 1_000
    assert body.endswith("Acknowledge: https://h.example.org/x?a=1&b=2")


async def test_apprises_log_is_the_reason_of_its_own_thread(sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2)

    def answer(self: Any, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        both.wait(10)
        response = requests.Response()
        response.status_code = 403 if "slack" in str(request.url) else 404
        response.raw = io.BytesIO(b"")
        return response

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", answer)
    sender = AppriseSender(10.0)
    discord = "https://discord.com/api/webhooks/123456789012345678/abcdefghijklmnopqrstuvwxyz"

    sending = (sender.send({"url": SLACK_URL}, a_message()), sender.send({"url": discord}, a_message()))
    first, second = await asyncio.gather(*sending, return_exceptions=True)

    assert "403" in str(first) and "404" not in str(first) and "aaaabbbb" not in str(first)
    assert "404" in str(second) and "403" not in str(second) and "abcdefgh" not in str(second)


async def test_apprises_log_reaches_no_other_handler(sent: list[str]) -> None:
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        await AppriseSender(10.0).send({"url": SLACK_URL}, a_message())
    finally:
        root.removeHandler(handler)
        root.setLevel(level)

    assert "aaaabbbb" not in stream.getvalue()


def test_a_message_loads_one_plugin_only() -> None:
    script = (
        "import sys, importlib; from adapters.delivery.channels.apprise_urls import SERVICES; "
        "importlib.import_module(f'apprise.plugins.{SERVICES[\"slack\"].module}'); "
        "print(sum(name.startswith('apprise.plugins.') for name in sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert int(ended.stdout) < 10, ended.stderr
    assert find_service(SLACK) is SERVICES["slack"]
