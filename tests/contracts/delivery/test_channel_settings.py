"""Settings of channels: what the fake and the real adapter promise."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.delivery.address_finder import AddressFinder
from adapters.delivery.channels.encrypted_settings import EncryptedChannelSettings
from adapters.delivery.channels.settings_cipher import SettingsCipher
from application.ports.delivery.channel_settings import ChannelSettings, CheckedSettings
from domain.address_policy import AddressPolicy
from domain.alerts.channel import Channel, ChannelKind
from domain.errors import InvalidInput
from tests.fakes.delivery.channel_settings import FakeChannelSettings

PRESENT, PREVIOUS = "n" * 32, "o" * 32
URL, OTHER = "https://hooks.example.com/a", "https://hooks.example.com/b"


@dataclass
class Subject:
    settings: ChannelSettings
    is_fake: bool

    def read(self, encrypted: bytes) -> dict[str, Any]:
        return dict(json.loads(encrypted)) if self.is_fake else SettingsCipher([PRESENT]).decrypt(encrypted)

    def encrypt_with_previous(self, values: dict[str, Any]) -> bytes:
        return b"old" + json.dumps(values).encode() if self.is_fake else SettingsCipher([PREVIOUS]).encrypt(values)


@pytest.fixture(params=["fake", "real"])
def subject(request: pytest.FixtureRequest) -> Subject:
    if request.param == "fake":
        return Subject(FakeChannelSettings(), True)
    finder = AddressFinder(AddressPolicy())
    return Subject(EncryptedChannelSettings(SettingsCipher([PRESENT, PREVIOUS]), finder, finder, https_only=False), False)


def stored(checked: CheckedSettings, kind: ChannelKind = ChannelKind.WEBHOOK) -> Channel:
    return Channel(1, "c", kind, checked.encrypted, checked.summary, datetime(2026, 11, 29, tzinfo=UTC), "ada")


def test_a_webhooks_secret_is_generated_once(subject: Subject) -> None:
    created = subject.settings.check(ChannelKind.WEBHOOK, {"url": URL})
    changed = subject.settings.check(ChannelKind.WEBHOOK, {"url": OTHER}, stored(created))

    assert (created.generated_secret or "").startswith("whsec_") and changed.generated_secret is None
    assert subject.read(changed.encrypted) == {"url": OTHER, "secret": created.generated_secret}


def test_omitted_settings_stay(subject: Subject) -> None:
    created = subject.settings.check(ChannelKind.WEBHOOK, {"url": URL})

    assert subject.read(subject.settings.check(ChannelKind.WEBHOOK, {}, stored(created)).encrypted) == subject.read(created.encrypted)


def test_a_summary_has_no_secret(subject: Subject) -> None:
    created = subject.settings.check(ChannelKind.WEBHOOK, {"url": URL + "?token=hook-token-1234"})

    assert created.summary and "hook-token" not in created.summary


def test_a_problem_names_its_field(subject: Subject) -> None:
    with pytest.raises(InvalidInput) as refused:
        subject.settings.check(ChannelKind.WEBHOOK, {"url": URL, "bad_key": 1})

    assert [problem.field for problem in refused.value.problems] == ["settings.bad_key"]


def test_only_settings_of_the_previous_secret_are_encrypted_again(subject: Subject) -> None:
    present = subject.settings.check(ChannelKind.WEBHOOK, {"url": URL}).encrypted

    changed = subject.settings.reencrypt(subject.encrypt_with_previous({"url": URL}))

    assert changed is not None and subject.read(changed) == {"url": URL}
    assert subject.settings.reencrypt(present) is None
