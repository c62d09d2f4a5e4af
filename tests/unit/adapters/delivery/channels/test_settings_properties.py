"""Whatever JSON an admin sends as settings is either stored or refused with its fields; no input has another effect."""

from __future__ import annotations

import string
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.delivery.channels.reasons import clean_text, list_secrets, parse_retry_after
from domain.alerts.channel import ChannelKind
from domain.errors import InvalidInput
from tests.unit.adapters.delivery.channels.test_encrypted_settings import CIPHER, EMAIL, KEY, NOW, SLACK, WEBHOOK, a_checker, stored

KEYS = ["url", "routing_key", "region", "host", "port", "security", "user", "password", "from", "to", "secret", "x"]
URLS = st.builds(
    "{}://{}{}".format,
    st.sampled_from(["http", "https", "slack", "tgram", "json", "HTTP", "", "opsgenie", "discord"]),
    st.sampled_from(
        ["example.com", "[::1", "[::1]", "a@b", "10.0.0.1:99999", "x:abc", "127.0.0.1", "", "0x7f.1", "hooks.slack.com/services"]
    ),
    st.text(alphabet=string.printable, max_size=20),
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | URLS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=5
)
RAW = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=10), VALUES, max_size=8)
VALID: dict[ChannelKind, dict[str, Any]] = {
    ChannelKind.WEBHOOK: WEBHOOK,
    ChannelKind.PAGERDUTY: {"routing_key": KEY},
    ChannelKind.EMAIL: EMAIL,
    ChannelKind.APPRISE: SLACK,
}
STORED = {kind: stored(a_checker().check(kind, raw), kind) for kind, raw in VALID.items()}


@given(st.sampled_from(ChannelKind), RAW, st.booleans(), st.booleans())
@settings(max_examples=400, deadline=None)
def test_settings_are_stored_or_refused_with_their_fields(
    kind: ChannelKind, raw: dict[str, Any], on_valid: bool, has_previous: bool
) -> None:
    try:
        checked = a_checker().check(kind, {**VALID[kind], **raw} if on_valid else raw, STORED[kind] if has_previous else None)
    except InvalidInput as refused:
        assert all(problem.field.startswith("settings.") and problem.message for problem in refused.problems)
        return

    assert CIPHER.decrypt(checked.encrypted)
    assert checked.summary.isprintable() and checked.summary


@given(st.text(max_size=2_000), st.text(max_size=50))
@settings(max_examples=200, deadline=None)
def test_a_reason_is_short_printable_and_without_secrets(text: str, secret: str) -> None:
    cleaned = clean_text(f"{text}{secret}{text}", [secret])

    assert len(cleaned) <= 300 and (cleaned.isprintable() or not cleaned)
    assert len(secret) < 4 or secret not in cleaned


@given(st.text(max_size=200) | URLS)
def test_any_url_has_a_list_of_secrets(url: str) -> None:
    assert list_secrets(url)[0] == url


@given(st.text(max_size=60))
@settings(max_examples=300)
def test_any_retry_after_header_gives_a_bounded_delay_or_none(value: str) -> None:
    delay = parse_retry_after({"retry-after": value}, NOW)

    assert delay is None or 0 <= delay <= 21_600
