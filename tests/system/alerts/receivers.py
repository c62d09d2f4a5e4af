"""A Headgate whose messages end on loopback."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.certificates import make_certificate
from tests.support.http_receiver import HttpReceiver
from tests.support.in_thread import in_thread
from tests.support.mail_receiver import MailReceiver
from tests.support.running_headgate import Headgate, temporary_headgate


@dataclass
class Receivers:
    """A Headgate whose requests to the internet end at `http`, which has the certificates of the services.

    `team_chat`, `tutorial_chat` and `tutorial_mail` receive what the commands of one page each send.
    """

    headgate: Headgate
    http: HttpReceiver
    mail: MailReceiver
    team_chat: HttpReceiver
    tutorial_chat: HttpReceiver
    tutorial_mail: MailReceiver

    def create(self, name: str, kind: str, settings: dict[str, Any]) -> dict[str, Any]:
        created = self.headgate.http.post("/channels/", json={"name": name, "kind": kind, "settings": settings})
        assert created.status_code == 201, created.text
        return dict(created.json())

    def test(self, name: str) -> dict[str, Any]:
        tested = self.headgate.http.post(f"/channels/{name}/test")
        assert tested.status_code == 200, tested.text
        return dict(tested.json())


@contextmanager
def open_receivers(folder: Path) -> Iterator[Receivers]:
    certificate, key = make_certificate(folder, "hooks.slack.com", "events.pagerduty.com")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with ExitStack() as stack:
        http = stack.enter_context(in_thread(HttpReceiver(tunnel=tls).open()))
        team_chat, tutorial_chat = (stack.enter_context(in_thread(HttpReceiver().open())) for _ in range(2))
        mail, tutorial_mail = (stack.enter_context(in_thread(MailReceiver().open())) for _ in range(2))
        ports = [receiver.port for receiver in (http, team_chat, tutorial_chat, mail, tutorial_mail)]
        environment = build_environment(http, ports, certificate)
        headgate = stack.enter_context(temporary_headgate(examples=False, with_prefect=False, **environment))
        yield Receivers(headgate.start(), http, mail, team_chat, tutorial_chat, tutorial_mail)


def build_environment(proxy: HttpReceiver, ports: list[int], certificate: Path) -> dict[str, str]:
    return {
        "HEADGATE_HTTP_ALLOW": "127.0.0.1/32",
        "HEADGATE_HTTP_PORTS": ",".join(map(str, (80, 443, *ports))),
        "HTTPS_PROXY": proxy.url,
        "SSL_CERT_FILE": str(certificate),
        "REQUESTS_CA_BUNDLE": str(certificate),
    }
