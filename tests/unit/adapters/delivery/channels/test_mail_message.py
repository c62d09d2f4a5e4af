"""Mails: well formed, threaded, and safe from what a pipeline's text has."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from typing import Any

import pytest

from adapters.delivery.channels.mail_message import build_mail
from application.ports.delivery.outgoing_message import MessageLink
from tests.support.alert_messages import a_message

SETTINGS = {"from": "headgate@example.org", "to": ["ops@example.org", "oncall@example.org"]}
INJECTIONS = [
    "a\r\nBcc: evil@example.org",
    "a\nBcc: evil@example.org",
    "a\rBcc: evil@example.org",
    "a\u2028Bcc: x",
    "a\x85Bcc: x",
    "a\x0bBcc: x",
]


def parse(channel: str = "team", **values: Any) -> EmailMessage:
    """Return the mail as a receiver parses it."""
    content = build_mail(SETTINGS, channel, a_message(**values)).as_bytes()
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    return email.message_from_bytes(content, policy=email.policy.default)  # type: ignore[return-value]


def get_text(mail: EmailMessage, kind: str = "plain") -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def test_a_mail_has_a_text_and_an_html_part_with_the_links() -> None:
    mail = parse()

    assert mail.get_content_type() == "multipart/alternative"
    assert get_text(mail) == (
        "duplicate key value violates unique constraint\n\n"
        "Run: https://headgate.example.org/ui/runs/27\nAcknowledge: https://h.example.org/x?a=1&b=2\n"
    )
    assert "<h1>nightly-warehouse#27</h1>" in get_text(mail, "html")
    assert '<a href="https://h.example.org/x?a=1&amp;b=2">Acknowledge</a>' in get_text(mail, "html")


def test_its_headers_say_who_and_that_it_is_automatic() -> None:
    mail = parse()

    assert (mail["From"], mail["To"]) == ("Headgate <headgate@example.org>", "ops@example.org, oncall@example.org")
    assert mail["Subject"] == "nightly-warehouse#27 failed at fact-orders: UniqueViolation"
    assert mail["Date"].datetime == a_message().at
    assert (mail["Auto-Submitted"], mail["List-Id"]) == ("auto-generated", "Headgate alerts <team.headgate.example.org>")
    assert (mail["Importance"], parse(severity="info")["Importance"]) == ("high", None)


def test_a_repeated_mail_is_the_same_and_mails_of_an_incident_are_a_thread() -> None:
    first, again, recovery, other = parse(), parse(), parse(id="msg-2"), parse(id="msg-3", dedup_key="incident-8")

    assert first["Message-ID"] == again["Message-ID"] != recovery["Message-ID"]
    assert first["References"] == recovery["References"] == recovery["In-Reply-To"] != other["References"]
    assert parse("another-channel")["Message-ID"] != first["Message-ID"]


def test_a_repeated_mail_has_the_same_bytes() -> None:
    first, second = (build_mail(SETTINGS, "team", a_message()).as_bytes() for _ in range(2))

    assert first == second


@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize("place", ["subject", "id", "dedup_key", "text", "html"])
def test_a_line_break_adds_no_header(place: str, text: str) -> None:
    mail = parse(**{place: text})

    assert set(mail.keys()) == set(parse().keys())
    assert mail["Bcc"] is None


@pytest.mark.parametrize(
    "subject",
    [
        "Größe überschritten",
        "日本語の件名" * 20,
        "🔥" * 300,
        "a\0b",
        "\ud800",
        "",
        "   ",
        "=?utf-8?q?x?=",
        "a" * 5_000,
        "\u202eevil",
        "a,b;c:<d>@e",
    ],
)
def test_any_subject_arrives(subject: str) -> None:
    arrived = parse(subject=subject)["Subject"]

    assert arrived and len(arrived) <= 250
    if subject.isprintable() and subject.strip() and len(subject) <= 250 and not subject.startswith("=?"):
        assert arrived == subject


@pytest.mark.parametrize("text", ["x" * 100_000, "ü" * 50_000, ".\r\n.\r\nQUIT\r\n", "\0\ud800", "a\rb\nc\r\nd", "From x\n.dot"])
def test_any_text_arrives(text: str) -> None:
    arrived = get_text(parse(text=text))

    expected = text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    assert (
        arrived.split() == f"{expected} Run: https://headgate.example.org/ui/runs/27 Acknowledge: https://h.example.org/x?a=1&b=2".split()
    )


def test_links_are_escaped() -> None:
    html = get_text(parse(links=(MessageLink("<script>", 'https://x/"onclick="evil'),)), "html")

    assert "<script>" not in html and '"onclick="' not in html
