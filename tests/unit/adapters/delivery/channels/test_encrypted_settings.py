"""Settings of channels: exact problems, encryption that rotates, and secrets that stay."""

from __future__ import annotations

import base64
import ipaddress
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.delivery.address_finder import AddressFinder
from adapters.delivery.channels.encrypted_settings import EncryptedChannelSettings
from adapters.delivery.channels.settings_cipher import SettingsCipher, UnreadableSettings
from application.ports.delivery.channel_settings import CheckedSettings
from domain.address_policy import AddressPolicy
from domain.alerts.channel import Channel, ChannelKind
from domain.errors import InvalidInput

NOW = datetime(2026, 11, 29, tzinfo=UTC)
OLD, NEW = "o" * 32, "n" * 32
CIPHER = SettingsCipher([NEW])
KEY = "R0" + "a1" * 15
WEBHOOK = {"url": "https://hooks.example.com/in?token=abc"}
EMAIL = {"host": "smtp.example.org", "from": "headgate@example.org", "to": ["ops@example.org", "oncall@example.org"]}
SLACK = {"url": "https://hooks.slack.com/services/T0000/B0000/abcdefgh12345678"}


def a_checker(cipher: SettingsCipher = CIPHER, *, https_only: bool = False, allow: str = "10.9.0.0/16") -> EncryptedChannelSettings:
    networks = (ipaddress.ip_network(allow),)
    http, smtp = (AddressFinder(AddressPolicy(networks, frozenset(ports))) for ports in ({80, 443}, {25, 465, 587, 2525}))
    return EncryptedChannelSettings(cipher, http, smtp, https_only=https_only)


def stored(checked: CheckedSettings, kind: ChannelKind) -> Channel:
    return Channel(1, "c", kind, checked.encrypted, checked.summary, NOW, "ada")


def problems(kind: ChannelKind, raw: dict[str, Any], previous: Channel | None = None, **options: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as refused:
        a_checker(**options).check(kind, raw, previous)
    return {problem.field: problem.message for problem in refused.value.problems}


@pytest.mark.parametrize(
    ("kind", "raw", "summary", "expected"),
    [
        (ChannelKind.WEBHOOK, WEBHOOK, "hooks.example.com/…", WEBHOOK),
        (ChannelKind.WEBHOOK, {"url": "http://10.9.0.1/x"}, "10.9.0.1/…", {"url": "http://10.9.0.1/x"}),
        (ChannelKind.PAGERDUTY, {"routing_key": KEY}, "PagerDuty", {"routing_key": KEY, "region": "us"}),
        (ChannelKind.PAGERDUTY, {"routing_key": KEY, "region": "eu"}, "PagerDuty (EU)", {"routing_key": KEY, "region": "eu"}),
        (ChannelKind.EMAIL, EMAIL, "ops@example.org and 1 more through smtp.example.org", {"port": 587, "security": "starttls"}),
        (ChannelKind.EMAIL, EMAIL | {"security": "tls", "to": "a@b.c"}, "a@b.c through smtp.example.org", {"port": 465, "to": ["a@b.c"]}),
        (ChannelKind.EMAIL, EMAIL | {"security": "none", "host": "10.9.0.1"}, "ops@example.org and 1 more through 10.9.0.1", {"port": 25}),
        (ChannelKind.APPRISE, SLACK, "Slack", SLACK),
        (ChannelKind.APPRISE, {"url": "tgram://123456789:abcdefg_hijklmnop/12315544/"}, "Telegram", {}),
    ],
)
def test_valid_settings_are_stored_with_their_defaults_and_a_summary(
    kind: ChannelKind, raw: dict[str, Any], summary: str, expected: dict[str, Any]
) -> None:
    checked = a_checker().check(kind, raw)

    assert checked.summary == summary
    assert expected.items() <= CIPHER.decrypt(checked.encrypted).items()
    assert not any(str(secret).encode() in checked.encrypted for secret in raw.values() if len(str(secret)) > 4)


@pytest.mark.parametrize(
    ("kind", "raw", "field", "message"),
    [
        (ChannelKind.WEBHOOK, {}, "url", "is required"),
        (ChannelKind.WEBHOOK, {"url": None}, "url", "is required"),
        (ChannelKind.WEBHOOK, {"url": 5}, "url", "must be a URL"),
        (ChannelKind.WEBHOOK, {"url": "ftp://x/"}, "url", "must begin with http"),
        (ChannelKind.WEBHOOK, {"url": "https://u:p@x.org/"}, "url", "without a user"),
        (ChannelKind.WEBHOOK, {"url": "http://169.254.169.254/"}, "url", "not public"),
        (ChannelKind.WEBHOOK, {"url": "http://[::ffff:10.0.0.1]/"}, "url", "not public"),
        (ChannelKind.WEBHOOK, {"url": "https://x.org:22/"}, "url", "Port 22 is not allowed"),
        (ChannelKind.WEBHOOK, {"url": "https://x.org/\n"}, "url", "must be a URL in ASCII"),
        (ChannelKind.WEBHOOK, WEBHOOK | {"secret": "whsec_x"}, "secret", "unknown key; known keys: url"),
        (ChannelKind.PAGERDUTY, {}, "routing_key", "is required"),
        (ChannelKind.PAGERDUTY, {"routing_key": "short"}, "routing_key", "32 letters and digits"),
        (ChannelKind.PAGERDUTY, {"routing_key": "٣" * 32}, "routing_key", "32 letters and digits"),
        (ChannelKind.PAGERDUTY, {"routing_key": 7}, "routing_key", "put it in quotes"),
        (ChannelKind.PAGERDUTY, {"routing_key": KEY, "region": "asia"}, "region", "must be one of us, eu"),
        (ChannelKind.EMAIL, EMAIL | {"host": "a b"}, "host", "must be a host name or an address"),
        (ChannelKind.EMAIL, EMAIL | {"host": "smtp\r\nEHLO x"}, "host", "must be a host name or an address"),
        (ChannelKind.EMAIL, EMAIL | {"host": "127.0.0.1"}, "host", "not public"),
        (ChannelKind.EMAIL, EMAIL | {"port": 22}, "port", "Port 22 is not allowed"),
        (ChannelKind.EMAIL, EMAIL | {"port": "587"}, "port", "must be a whole number"),
        (ChannelKind.EMAIL, EMAIL | {"port": True}, "port", "must be a whole number"),
        (ChannelKind.EMAIL, EMAIL | {"security": "ssl"}, "security", "must be one of starttls, tls, none"),
        (ChannelKind.EMAIL, EMAIL | {"security": ["tls"]}, "security", "must be one of"),
        (ChannelKind.EMAIL, EMAIL | {"from": "a@b\r\nBcc: x@y.z"}, "from", "must be one mail address"),
        (ChannelKind.EMAIL, EMAIL | {"from": "Ada <ada@example.org>"}, "from", "must be one mail address"),
        (ChannelKind.EMAIL, EMAIL | {"to": []}, "to", "1 to 20"),
        (ChannelKind.EMAIL, EMAIL | {"to": ["a@b.c"] * 21}, "to", "1 to 20"),
        (ChannelKind.EMAIL, EMAIL | {"to": ["a@b.c", "x, y@z.org"]}, "to[1]", "must be a mail address"),
        (ChannelKind.EMAIL, EMAIL | {"to": ["a@b.c", None]}, "to[1]", "must be a mail address"),
        (ChannelKind.EMAIL, EMAIL | {"password": "p"}, "user", "is required with a password"),
        (ChannelKind.EMAIL, EMAIL | {"user": "u"}, "password", "is required with a user"),
        (ChannelKind.EMAIL, EMAIL | {"user": "u", "password": "p", "security": "none"}, "security", "clear text"),
        (ChannelKind.EMAIL, EMAIL | {"user": "u", "password": "p\0"}, "password", "NUL"),
        (ChannelKind.APPRISE, {}, "url", "is required"),
        (ChannelKind.APPRISE, {"url": "json://localhost"}, "url", "not the URL of an allowed service"),
        (ChannelKind.APPRISE, {"url": "https://hooks.slack.com.evil.example/services/A/B/C"}, "url", "not the URL of an allowed service"),
        (ChannelKind.APPRISE, {"url": "slack://A/B/C?template=/etc/passwd"}, "url", "has the option template"),
        (ChannelKind.APPRISE, {"url": "slack://"}, "url", "not the URL of an allowed service"),
    ],
)
def test_a_problem_names_its_field(kind: ChannelKind, raw: dict[str, Any], field: str, message: str) -> None:
    found = problems(kind, raw)

    assert list(found) == [f"settings.{field}"]
    assert message in found[f"settings.{field}"]


def test_all_problems_are_found_at_once() -> None:
    found = problems(ChannelKind.EMAIL, {"port": 0, "security": "x", "too": 1})

    assert list(found) == [f"settings.{name}" for name in ("too", "security", "host", "port", "to", "from")]


def test_users_that_sign_in_need_https_for_other_machines() -> None:
    url = {"url": "http://hooks.example.com/"}

    assert "https://" in problems(ChannelKind.WEBHOOK, url, https_only=True)["settings.url"]
    local = a_checker(https_only=True, allow="127.0.0.0/8").check(ChannelKind.WEBHOOK, {"url": "http://127.0.0.1/"})
    assert local.summary == "127.0.0.1/…"


def test_a_webhook_gets_a_secret_once_and_keeps_it() -> None:
    created = a_checker().check(ChannelKind.WEBHOOK, WEBHOOK)
    changed = a_checker().check(ChannelKind.WEBHOOK, {"url": "https://other.example.com/"}, stored(created, ChannelKind.WEBHOOK))
    secret = created.generated_secret or ""

    assert secret.startswith("whsec_") and len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert changed.generated_secret is None
    assert CIPHER.decrypt(changed.encrypted) == {"url": "https://other.example.com/", "secret": secret}
    assert a_checker().check(ChannelKind.WEBHOOK, WEBHOOK).generated_secret not in (None, secret)


def test_omitted_settings_stay_and_null_removes_them() -> None:
    login = {"user": "u", "password": "secret", "port": 2525}
    channel = stored(a_checker().check(ChannelKind.EMAIL, EMAIL | login), ChannelKind.EMAIL)

    kept = a_checker().check(ChannelKind.EMAIL, {"to": "a@b.c"}, channel)
    removed = a_checker().check(ChannelKind.EMAIL, {"user": None, "password": None, "security": "tls"}, channel)

    assert CIPHER.decrypt(kept.encrypted) == EMAIL | login | {"security": "starttls", "to": ["a@b.c"]}
    assert CIPHER.decrypt(removed.encrypted) == EMAIL | {"user": "", "password": "", "security": "tls", "port": 465}


def test_a_password_is_not_sent_to_another_host_than_it_was_entered_for() -> None:
    channel = stored(a_checker().check(ChannelKind.EMAIL, EMAIL | {"user": "u", "password": "secret"}), ChannelKind.EMAIL)

    assert problems(ChannelKind.EMAIL, {"host": "evil.example"}, channel) == {
        "settings.password": "is required again, because the host changes"
    }
    for password in ("other", "secret"):
        moved = a_checker().check(ChannelKind.EMAIL, {"host": "new.example", "password": password}, channel)
        assert CIPHER.decrypt(moved.encrypted)["password"] == password
    assert a_checker().check(ChannelKind.EMAIL, {"host": "SMTP.example.org"}, channel)
    assert a_checker().check(ChannelKind.EMAIL, {"host": "new.example", "user": None, "password": None}, channel)


def test_settings_of_another_kind_are_not_kept() -> None:
    channel = stored(a_checker().check(ChannelKind.APPRISE, SLACK), ChannelKind.APPRISE)

    assert problems(ChannelKind.WEBHOOK, {}, channel) == {"settings.url": "is required"}


def test_settings_of_the_previous_secret_are_read_and_written_with_the_present_one() -> None:
    channel = stored(a_checker(SettingsCipher([OLD])).check(ChannelKind.WEBHOOK, WEBHOOK), ChannelKind.WEBHOOK)
    both = SettingsCipher([NEW, OLD])

    changed = a_checker(both).check(ChannelKind.WEBHOOK, {}, channel)

    assert both.decrypt(channel.settings)["url"] == WEBHOOK["url"]
    assert SettingsCipher([NEW]).decrypt(changed.encrypted) == both.decrypt(channel.settings)


def test_settings_are_encrypted_again_only_if_another_secret_has_encrypted_them() -> None:
    both = a_checker(SettingsCipher([NEW, OLD]))
    old, unknown = SettingsCipher([OLD]).encrypt(WEBHOOK), SettingsCipher(["u" * 32]).encrypt(WEBHOOK)

    changed = both.reencrypt(old)

    assert changed is not None and SettingsCipher([NEW]).decrypt(changed) == WEBHOOK
    assert (both.reencrypt(changed), both.reencrypt(unknown), a_checker().reencrypt(old)) == (None, None, None)


@pytest.mark.parametrize(
    "encrypted",
    [SettingsCipher([OLD]).encrypt({"a": 1}), b"", b"\xff", b"gAAAAAB", CIPHER.encrypt({"a": 1})[:-1]],
    ids=["another secret", "empty", "no token", "a part", "cut"],
)
def test_settings_that_cannot_be_decrypted_say_what_to_do(encrypted: bytes) -> None:
    with pytest.raises(UnreadableSettings, match=r"HEADGATE_PREVIOUS_SECRET .* or enter the settings again"):
        CIPHER.decrypt(encrypted)

    channel = Channel(1, "c", ChannelKind.WEBHOOK, encrypted, "x", NOW, "ada")
    assert a_checker().check(ChannelKind.WEBHOOK, WEBHOOK, channel).generated_secret
    assert problems(ChannelKind.WEBHOOK, {}, channel) == {"settings.url": "is required"}
