"""Incidents under kill -9 of webs, workers and PostgreSQL, with real receivers of HTTP requests and mail."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import httpx

from adapters.delivery.channels.mail_message import build_message_id
from tests.chaos.alerts.alert_checker import Arrivals, describe, find_problems, has_scheduled_deliveries, read_history
from tests.chaos.alerts.alert_load import AlertLoad
from tests.chaos.alerts.watched_pipelines import build_watched_pipelines
from tests.chaos.stack import Stack, chaos_stack
from tests.support.http_receiver import HttpReceiver
from tests.support.in_thread import in_thread
from tests.support.mail_receiver import MailReceiver
from tests.support.waiting import wait_for

SENDER = "headgate@example.org"
END_SECONDS = 240.0
PUBLIC_URL = "http://127.0.0.1:8000"
"""The same for all webs, as behind a proxy: a message that another web repeats has the same links."""
RECEIVER_SECONDS = 0.3
"""How long the HTTP receiver takes, so that kills meet messages on their way."""


class StormResult(NamedTuple):
    """`problems` are sentences about what was lost, doubled or wrong; `counts` is one line."""

    problems: list[str]
    counts: str
    incidents: int
    recoveries: int
    kills: int


@contextmanager
def alerting_stack(webs: int = 2, workers: int = 2) -> Iterator[tuple[Stack, HttpReceiver, MailReceiver]]:
    """Run a stack with two channels, whose receivers listen on loopback."""
    with ExitStack() as stack:
        hook, mail = stack.enter_context(in_thread(HttpReceiver().open())), stack.enter_context(in_thread(MailReceiver().open()))
        hook.delay = RECEIVER_SECONDS
        ports = f"80,443,{hook.port},{mail.port}"
        settings = {"HEADGATE_HTTP_ALLOW": "127.0.0.1/32", "HEADGATE_HTTP_PORTS": ports, "HEADGATE_URL": PUBLIC_URL}
        started = stack.enter_context(chaos_stack(webs, workers, with_prefect=False, **settings))
        _add_channel(started, "hook", "webhook", {"url": f"{hook.url}/alerts"})
        smtp = {"host": mail.host, "port": mail.port, "security": "none", "from": SENDER, "to": ["ops@example.org"]}
        _add_channel(started, "mail", "email", smtp)
        for definition in build_watched_pipelines():
            started.create(definition)
        yield started, hook, mail


def run_storm(customers: int, kills: int, pauses: tuple[float, float], seed: int) -> StormResult:
    """Fail a run of each customer while processes are killed, and judge what arrived."""
    with alerting_stack() as (stack, hook, mail):
        load = AlertLoad(stack, random.Random(seed), lambda name: any(name.encode() in each.body for each in list(hook.received)))
        asyncio.run(load.run(customers, kills, pauses))
        wait_for(lambda: not has_scheduled_deliveries(stack), END_SECONDS, stack.read_logs)
        history = read_history(stack)
        arrivals = _collect_arrivals(history.messages, hook, mail)
        recoveries = sum(message.kind == "recovered" for message in history.messages.values())
        problems, counts = find_problems(history, arrivals, load.kills), describe(history, arrivals)
        return StormResult(problems, counts, len(history.incidents), recoveries, load.kills)


def _collect_arrivals(messages: Any, hook: HttpReceiver, mail: MailReceiver) -> Arrivals:
    domain = SENDER.partition("@")[2]
    ids = {build_message_id(f"message {message_id} mail", domain): message_id for message_id in messages}
    arrived: dict[str, dict[str, list[bytes]]] = {"hook": defaultdict(list), "mail": defaultdict(list)}
    for request in list(hook.received):
        arrived["hook"][request.headers["webhook-id"]].append(request.body)
    for each in list(mail.received):
        message_id = str(each.message["Message-ID"])
        arrived["mail"][ids.get(message_id, message_id)].append(each.content)
    return arrived


def _add_channel(stack: Stack, name: str, kind: str, settings: dict[str, Any]) -> None:
    body = {"name": name, "kind": kind, "settings": settings}
    answer = httpx.post(f"{stack.urls[0]}/channels/", json=body, timeout=20, trust_env=False)
    assert answer.status_code == 201, answer.text
