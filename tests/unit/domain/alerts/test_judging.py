"""What facts about runs change: examples of sequences of runs, and properties of all sequences."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.alerts.incident import Incident, IncidentKind, Resolution
from domain.alerts.judging import FLIP_WINDOW, MAX_UNFINISHED, Decision, Fact, judge_fact
from domain.alerts.rule import AlertEvent, AlertRule, RuleTarget
from domain.alerts.rule_state import RuleKey, RuleState

START = datetime(2026, 11, 29, 18, tzinfo=UTC)
EVENTS = {
    "g": AlertEvent.COMPLETED,
    "b": AlertEvent.FAILED,
    "l": AlertEvent.LOST,
    "c": AlertEvent.CANCELLED,
    "w": AlertEvent.WAITING,
    "d": None,
    "L": AlertEvent.LATE,
    "O": AlertEvent.OVERRUN,
}
ALL = (AlertEvent.FAILED, AlertEvent.LOST, AlertEvent.MISSED, AlertEvent.LATE, AlertEvent.OVERRUN, AlertEvent.WAITING)


def a_rule(after: int = 1, on: tuple[AlertEvent, ...] = ALL, recovery: bool = True) -> AlertRule:
    return AlertRule(on, (RuleTarget("team"),), after=after, recovery=recovery)


@dataclass
class Judged:
    """Applies facts as the judge does. `changes` has one letter per change: Opened, Repeated, Unstable, Closed, Notice."""

    rule: AlertRule
    state: RuleState = field(default_factory=lambda: RuleState(RuleKey(1, "team")))
    incident: Incident | None = None
    changes: list[str] = field(default_factory=list)
    resolutions: list[Resolution] = field(default_factory=list)

    def apply(self, fact: Fact) -> Decision:
        decision = judge_fact(self.state, self.rule, fact, self.incident)
        self.state = decision.state
        if decision.opens:
            assert self.incident is None
            self.incident = Incident(1, IncidentKind.PIPELINE, fact.at, "failed", event=fact.event, unstable=decision.becomes_unstable)
        if decision.becomes_unstable and not decision.opens:
            assert self.incident is not None
            self.incident = self.incident.mark_unstable()
        if decision.resolution is not None:
            assert self.incident is not None
            self.incident = None
            self.resolutions.append(decision.resolution)
        self.changes.append(
            "O" * decision.opens
            + "R" * decision.repeats
            + "U" * decision.becomes_unstable
            + "C" * (decision.resolution is not None)
            + "N" * len(decision.notices)
        )
        return decision


def judge(rule: AlertRule, runs: str) -> str:
    """Apply a sequence such as `1b 2g`: the run's id and a letter of EVENTS. Return the changes in the same form."""
    judged = Judged(rule)
    for second, word in enumerate(runs.split()):
        judged.apply(Fact(EVENTS[word[-1]], START + timedelta(seconds=second), int(word[:-1])))
    return " ".join(change or "-" for change in judged.changes)


@pytest.mark.parametrize(
    ("after", "runs", "changes"),
    [
        (1, "1b", "O"),
        (1, "1g", "-"),
        (1, "1b 2g", "O C"),
        (1, "1b 2b 3l 4g", "O R R C"),
        (1, "1b 2g 3b 4g", "O C O C"),
        (2, "1b 2g 3b", "- - -"),
        (2, "1b 2b 3b 4g 5b", "- O R C -"),
        (2, "1b 2c 3b", "- - O"),
        (1, "1b 2c 3g", "O - C"),
        (1, "1c", "-"),
        (2, "1b 1b", "- -"),
        (2, "1b 2b 1g", "- O C"),
        (2, "1b 2b 2c 3g", "- O - C"),
        (1, "1b 1g", "O C"),
        (1, "1b 1b 1g", "O R C"),
        (3, "1b 2b 1b 3b", "- - - O"),
    ],
)
def test_consecutive_failures_open_an_incident_and_the_next_good_run_resolves_it(after: int, runs: str, changes: str) -> None:
    assert judge(a_rule(after), runs) == changes


@pytest.mark.parametrize(
    ("after", "runs", "changes"),
    [
        (1, "1b 2g 3b 4g 5b 6g 7b 8g 9g 10g", "O C O C OU - R - - C"),
        (1, "1g 2b 3g 4b 5g 6g 7g", "- O C O U - C"),
        (1, "1g 2b 3g 4b 5g 6b 7g 8g 9g 10b", "- O C O U R - - C OU"),
        (3, "1b 2g 3b 4g 5b 6g 7g 8g", "- - - - OU - - C"),
        (1, "1b 2g 3g 4g 5b 6g 7g 8g 9b 10g", "O C - - O C - - OU -"),
        (1, "1b 2g 3g 4g 5g 6b 7g 8g 9g 10g 11b", "O C - - - O C - - - O"),
    ],
)
def test_four_flips_in_ten_runs_make_an_incident_unstable_until_three_good_runs(after: int, runs: str, changes: str) -> None:
    assert judge(a_rule(after), runs) == changes


@pytest.mark.parametrize(
    ("runs", "changes"),
    [
        ("1w", "O"),
        ("1w 1w", "O -"),
        ("1w 1d", "O C"),
        ("1w 1g", "O C"),
        ("1w 2g 1d", "O - C"),
        ("1w 1b 2g", "O R C"),
        ("1w 2b 1d 3g", "O R - C"),
        ("1b 2w 2d 3g", "O R - C"),
        ("1b 2w 3g 2d", "O R - C"),
        ("1w 2w 1d 2d", "O R - C"),
        ("1w 1c", "O C"),
        ("1L 1g", "O C"),
        ("1L 1c 2g", "O - C"),
        ("1L 1O 1g", "O R C"),
        ("1O 2g 1g", "O - C"),
        ("1O 1b 2g", "O R C"),
    ],
)
def test_what_is_wrong_with_an_unfinished_run_keeps_an_incident_open_until_the_run_goes_on(runs: str, changes: str) -> None:
    assert judge(a_rule(), runs) == changes


def test_a_decision_and_a_recovery_are_different_resolutions() -> None:
    judged = Judged(a_rule(after=3))
    for second, (event, run) in enumerate([(AlertEvent.WAITING, 1), (None, 1), (AlertEvent.WAITING, 2), (AlertEvent.COMPLETED, 2)]):
        judged.apply(Fact(event, START + timedelta(seconds=second), run))

    assert judged.resolutions == [Resolution.DECIDED, Resolution.RECOVERED]


def test_what_is_wrong_with_an_unfinished_run_opens_an_incident_whatever_after_says() -> None:
    assert judge(a_rule(after=5), "1w 1d 2L 2g 3O 3g") == "O C O C O C"


def test_missed_ticks_count_as_failures_and_each_once() -> None:
    judged = Judged(a_rule(after=2))
    for second, due in enumerate([0, 0, 60]):
        judged.apply(Fact(AlertEvent.MISSED, START + timedelta(seconds=second), due_at=START + timedelta(seconds=due)))

    assert judged.changes == ["", "", "O"]


def test_only_events_of_the_rule_count() -> None:
    assert judge(a_rule(on=(AlertEvent.LOST,)), "1b 2l 3b 4g") == "- O - C"
    assert judge(a_rule(on=(AlertEvent.CANCELLED,)), "1c 2b 3g") == "O - C"


def test_notices_open_no_incident() -> None:
    assert judge(a_rule(on=(AlertEvent.COMPLETED,)), "1b 2g 3g") == "- N N"
    assert judge(a_rule(on=(AlertEvent.RECOVERED,)), "1g 2b 3l 4g 5g 6c 7g 8b 8g") == "- - - N - - - - N"
    assert judge(a_rule(on=(AlertEvent.LOST, AlertEvent.RECOVERED)), "1b 2g 3l 4g") == "- N O C"
    assert judge(a_rule(on=(AlertEvent.LOST, AlertEvent.RECOVERED), recovery=False), "1l 2g") == "O CN"


def test_a_failure_that_arrives_after_a_later_good_run_opens_an_incident_and_resolves_it() -> None:
    judged = Judged(a_rule(after=2))
    for letter, second, run in [("b", 1, 1), ("g", 3, 3), ("b", 2, 2), ("b", 0, 4)]:
        judged.apply(Fact(EVENTS[letter], START + timedelta(seconds=second), run))

    assert judged.changes == ["", "", "OC", ""]


FACTS = st.builds(
    Fact,
    st.sampled_from(list(EVENTS.values())),
    st.integers(0, 1_000).map(lambda second: START + timedelta(seconds=second)),
    st.integers(1, 12),
)
RULES = st.builds(a_rule, st.integers(1, 12), st.just(ALL) | st.just((*ALL, AlertEvent.CANCELLED, AlertEvent.RECOVERED)))


@given(RULES, st.lists(FACTS, max_size=60))
def test_an_incident_opens_once_until_it_is_resolved_and_only_good_news_resolves_it(rule: AlertRule, facts: list[Fact]) -> None:
    judged = Judged(rule)
    for fact in facts:
        was_open = judged.incident is not None
        decision = judged.apply(fact)  # asserts that what opens was not open, and that what is resolved was

        bad = fact.event is not AlertEvent.COMPLETED and fact.event in rule.on
        assert not decision.repeats or (was_open and bad)
        assert not (was_open and fact.event is AlertEvent.FAILED) or decision.repeats
        assert not (bad and was_open and decision.resolution)
        assert not decision.opens or bad


@given(RULES, st.lists(FACTS, max_size=60))
def test_the_state_stays_small_and_has_one_outcome_for_each_end(rule: AlertRule, facts: list[Fact]) -> None:
    judged = Judged(rule)
    for fact in facts:
        judged.apply(fact)

    finished = [outcome.subject for outcome in judged.state.outcomes if outcome.mark.value in "gbx"]
    assert len(finished) == len(set(finished)) <= max(FLIP_WINDOW, rule.after)
    assert len(judged.state.outcomes) - len(finished) <= MAX_UNFINISHED
    assert list(judged.state.outcomes) == sorted(judged.state.outcomes)


@given(RULES, st.lists(st.sampled_from("gbl"), max_size=30), st.data())
def test_the_order_in_which_ends_arrive_does_not_change_the_outcomes(rule: AlertRule, runs: list[str], data: st.DataObject) -> None:
    limited = replace(rule, after=100)
    facts = [Fact(EVENTS[run], START + timedelta(seconds=index), index + 1) for index, run in enumerate(runs)]
    in_order, shuffled = Judged(limited), Judged(limited)
    for fact in facts:
        in_order.apply(fact)
    for fact in data.draw(st.permutations(facts)):
        shuffled.apply(fact)

    assert in_order.state == shuffled.state


@given(st.integers(1, 5), st.lists(st.sampled_from("gbc"), max_size=40))
def test_cancelled_runs_change_nothing(after: int, runs: list[str]) -> None:
    words = [f"{index}{run}" for index, run in enumerate(runs, 1)]
    with_cancelled = judge(a_rule(after), " ".join(words)).split()
    without = judge(a_rule(after), " ".join(word for word in words if word[-1] != "c")).split()

    assert [change for change, run in zip(with_cancelled, runs, strict=True) if run != "c"] == without
    assert all(change == "-" for change, run in zip(with_cancelled, runs, strict=True) if run == "c")


@given(st.integers(1, 6), st.lists(st.integers(1, 8), min_size=1, max_size=2))
def test_an_incident_opens_at_the_given_number_of_failures_and_closes_at_the_first_good_run(after: int, streaks: list[int]) -> None:
    words, expected = [], []
    for streak in streaks:
        words += ["b"] * streak + ["g"]
        expected += ["O" if index == after else "R" if index > after else "-" for index in range(1, streak + 1)]
        expected.append("C" if streak >= after else "-")

    assert judge(a_rule(after), " ".join(f"{index}{word}" for index, word in enumerate(words, 1))).split() == expected


@given(st.lists(st.sampled_from("gb"), min_size=10, max_size=200))
def test_messages_of_an_unstable_pipeline_are_few(runs: list[str]) -> None:
    changes = judge(a_rule(), " ".join(f"{index}{run}" for index, run in enumerate(runs, 1))).split()

    for start in range(len(changes) - FLIP_WINDOW):
        messages = sum(change in ("O", "OU", "U", "C") for change in changes[start : start + FLIP_WINDOW])
        assert messages <= 7
