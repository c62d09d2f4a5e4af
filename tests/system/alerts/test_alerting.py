"""The commands of the pages about alerts, run on a real Headgate with receivers on loopback: channels, rules, incidents and silences."""

from __future__ import annotations

import json
from pathlib import Path

from standardwebhooks import Webhook

from tests.support.page_blocks import Block
from tests.support.pasted_commands import Shell, build_shell_environment, replace_each
from tests.system.alerts.receivers import Receivers

ADDRESS, CHAT = "http://127.0.0.1:8000", "https://chat.example.com"


def test_the_commands_of_the_page_work(receivers: Receivers, tmp_path: Path, blocks: list[Block]) -> None:
    channel, definition, start, care, silence = blocks
    headgate, chat = receivers.headgate, receivers.team_chat
    shell = Shell(tmp_path, build_shell_environment(tmp_path) | {"HEADGATE_URL": headgate.url})
    (tmp_path / "nightly-warehouse.yaml").write_text(definition.text)

    created = shell.run(replace_each(channel.text, {ADDRESS: headgate.url, CHAT: chat.url}))
    shell.run(replace_each(start.text, {ADDRESS: headgate.url}))
    headgate.wait_until(lambda: len(chat.received) >= 2, 60)
    cared = shell.run(replace_each(care.text, {ADDRESS: headgate.url}))
    headgate.wait_until(lambda: len(chat.received) >= 3, 60)
    silenced = shell.run(replace_each(silence.text, {ADDRESS: headgate.url}))

    secret = json.JSONDecoder().raw_decode(created)[0]["secret"]
    messages = [Webhook(secret).verify(request.body, dict(request.headers)) for request in chat.received]
    assert "team-chat: delivered in " in created and "not proved" in created
    assert [message["type"] for message in messages] == ["alert.test", "incident.opened", "incident.recovered"]
    assert (
        "acknowledged by someone" in cared and "snoozed until" in cared and "incident 1 of nightly-warehouse: resolved by someone" in cared
    )
    assert "silence 1 of nightly-warehouse: until" in silenced and "tag warehouse" in silenced
    assert "silence 1 of nightly-warehouse: ended" in silenced
    assert "urn:headgate:problem" not in created + cared + silenced


def test_the_alerts_of_the_tutorial_arrive(receivers: Receivers, tmp_path: Path, blocks: list[Block]) -> None:
    channels, definition, failing, repaired = blocks
    headgate, chat, mail = receivers.headgate, receivers.tutorial_chat, receivers.tutorial_mail
    source = {"/tmp/headgate-tutorial-source": str(tmp_path / "source")}
    shell = Shell(tmp_path, build_shell_environment(tmp_path) | {"HEADGATE_URL": headgate.url})
    addresses = {'"smtp.example.org", "port": 587': f'"{mail.host}", "port": {mail.port}, "security": "none"', CHAT: chat.url}
    (tmp_path / "nightly.yaml").write_text(replace_each(definition.text, source))

    shell.run(replace_each(channels.text, {ADDRESS: headgate.url, **addresses}))
    incident = 1 + len(headgate.http.get("/incidents/").json())
    failed = shell.run(replace_each(failing.text, {"ack 1": f"ack {incident}"}))
    headgate.wait_until(lambda: len(chat.received) >= 2 and len(mail.received) >= 2, 60)
    shell.run(replace_each(repaired.text, source))
    headgate.wait_until(lambda: len(chat.received) >= 3 and len(mail.received) >= 3, 60)

    subjects = [str(each.message["Subject"]) for each in mail.received]
    assert subjects[1] == "tutorial-nightly#1 failed at load: FileNotFoundError"
    assert subjects[2].startswith("tutorial-nightly recovered with tutorial-nightly#3, after ")
    assert [json.loads(request.body)["type"] for request in chat.received] == ["alert.test", "incident.opened", "incident.recovered"]
    assert "failed at load: FileNotFoundError" in failed and "acknowledged by someone" in failed
