"""The facts of messages survive being stored as JSON."""

import json
from datetime import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.services.alerts.message_facts import MessageFacts
from domain.alerts.rule import AlertEvent, QuietHours

texts = st.text(max_size=20)
quiets = st.builds(QuietHours, texts, st.times(), st.times(), st.lists(texts, max_size=3).map(tuple))
facts = st.builds(
    MessageFacts,
    st.none() | texts,
    st.lists(texts, max_size=3).map(tuple),
    st.none() | st.sampled_from(AlertEvent),
    st.none() | st.integers(1, 2**63 - 1),
    texts,
    st.none() | quiets,
    st.none() | st.floats(0, 1e9),
    st.booleans(),
    st.floats(0, 1e9),
    st.lists(st.integers(1, 2**63 - 1), max_size=20).map(tuple),
    st.integers(0, 10**6),
    st.none() | texts,
    st.none() | texts,
)


@given(facts)
def test_facts_are_the_same_after_they_were_stored(known: MessageFacts) -> None:
    assert MessageFacts.from_json(json.loads(json.dumps(known.as_json()))) == known


def test_quiet_hours_keep_their_seconds() -> None:
    known = MessageFacts(quiet=QuietHours("UTC", time(22, 0, 30), time(7)))

    assert MessageFacts.from_json(known.as_json()) == known


@pytest.mark.parametrize("stored", [{}, {"event": "exploded"}, {"quiet": {"from": "x"}}, {"tags": 3}, {"quiet": []}])
def test_facts_of_another_version_are_left_out(stored: Any) -> None:
    assert MessageFacts.from_json(stored) == MessageFacts()
