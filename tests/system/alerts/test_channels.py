"""Every kind of channel through a whole Headgate: an admin creates it, tests it, and a receiver gets the message."""

from __future__ import annotations

import json

from standardwebhooks import Webhook

from tests.support.http_receiver import Answer, ReceivedRequest
from tests.system.alerts.receivers import Receivers


def get_request(receivers: Receivers, target: str) -> ReceivedRequest:
    """Return the only request to a path."""
    (request,) = (each for each in receivers.http.received if each.target == target)
    return request


def test_a_webhook_arrives_signed_with_the_secret_that_was_shown_once(receivers: Receivers) -> None:
    secret = receivers.create("hook", "webhook", {"url": f"{receivers.http.url}/hook"})["secret"]

    assert receivers.test("hook")["state"] == "sent"

    request = get_request(receivers, "/hook")
    assert Webhook(secret).verify(request.body, dict(request.headers))["type"] == "alert.test"
    assert secret not in receivers.headgate.http.get("/channels/hook").text


def test_a_mail_arrives_in_text_and_html(receivers: Receivers) -> None:
    settings = {"host": "127.0.0.1", "port": receivers.mail.port, "security": "none"}
    receivers.create("mail", "email", settings | {"from": "headgate@example.org", "to": ["ops@example.org"]})

    assert receivers.test("mail")["state"] == "sent"

    (mail,) = receivers.mail.received
    assert mail.message["Subject"] == "Test of channel mail"
    assert mail.message.get_body(("html",)) is not None and "/ui/links/" in mail.content.decode()


def test_pagerduty_gets_an_event_over_tls(receivers: Receivers) -> None:
    receivers.http.default = Answer(202)
    receivers.create("pager", "pagerduty", {"routing_key": "R0" + "a1" * 15})

    assert receivers.test("pager")["state"] == "sent"

    request = get_request(receivers, "/v2/enqueue")
    assert request.headers["host"] == "events.pagerduty.com"
    assert json.loads(request.body)["event_action"] == "trigger"


def test_a_chat_service_gets_a_message_over_tls(receivers: Receivers) -> None:
    receivers.http.default = Answer(200)
    receivers.create("chat", "apprise", {"url": "https://hooks.slack.com/services/T00000000/B00000000/aaaabbbbccccddddeeeeffff"})

    assert receivers.test("chat")["state"] == "sent"

    request = get_request(receivers, "/services/T00000000/B00000000/aaaabbbbccccddddeeeeffff")
    assert json.loads(request.body)["attachments"][0]["title"] == "Test of channel chat"


def test_a_test_says_why_a_receiver_did_not_take_it(receivers: Receivers) -> None:
    receivers.create("gone", "webhook", {"url": f"{receivers.http.url}/gone"})
    receivers.http.answers = [Answer(410)]

    tested = receivers.test("gone")

    assert (tested["state"], tested["error"]) == ("dead", "127.0.0.1 responded with 410: the receiver is gone.")


def test_the_metadata_address_is_refused_before_anything_is_stored(receivers: Receivers) -> None:
    refused = receivers.headgate.http.post(
        "/channels/", json={"name": "inside", "kind": "webhook", "settings": {"url": "http://169.254.169.254/latest/"}}
    )

    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "settings.url")
    assert receivers.headgate.http.get("/channels/inside").status_code == 404
