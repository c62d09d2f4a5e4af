"""The key of a rule, and the pipelines that a site-wide rule applies to."""

import dataclasses
from datetime import time
from typing import Any

import pytest

from domain.alerts.rule import AlertEvent, AlertRule, QuietHours, RuleTarget, SiteRule

RULE = AlertRule((AlertEvent.FAILED,), (RuleTarget("team"),))
OTHERS: dict[str, Any] = {
    "on": (AlertEvent.LOST,),
    "to": (RuleTarget("team", 60),),
    "name": "nightly",
    "after": 2,
    "remind": 60.0,
    "recovery": False,
    "quiet": QuietHours("UTC", time(22), time(7)),
}


def test_a_named_rule_has_its_name_as_key() -> None:
    assert dataclasses.replace(RULE, name="nightly").key == "nightly"


def test_the_key_of_a_rule_without_a_name_is_the_same_in_all_processes() -> None:
    assert RULE.key == "rule-6aa75c9492"


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(AlertRule)])
def test_rules_that_differ_have_different_keys(name: str) -> None:
    other = dataclasses.replace(RULE, **{name: OTHERS[name]})

    assert other.key != RULE.key


@pytest.mark.parametrize(
    ("tags", "expected"), [((), True), (("nightly",), True), (("sales", "nightly"), True), (("sales",), False)], ids=str
)
def test_a_site_rule_applies_to_the_pipelines_with_one_of_its_tags(tags: tuple[str, ...], expected: bool) -> None:
    assert SiteRule(1, dataclasses.replace(RULE, name="all"), tags).applies_to(("nightly", "finance")) is expected
    assert SiteRule(1, dataclasses.replace(RULE, name="all"), tags).key == "site:all"


def test_a_rule_with_notices_only_opens_no_incidents() -> None:
    assert RULE.opens_incidents
    assert not dataclasses.replace(RULE, on=(AlertEvent.COMPLETED, AlertEvent.RECOVERED)).opens_incidents
