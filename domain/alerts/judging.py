"""Decide what one fact about a run changes: an incident opens, is repeated or resolved, or becomes unstable."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise, takewhile
from typing import Final

from domain.alerts.incident import Incident, Resolution
from domain.alerts.rule import AlertEvent, AlertRule
from domain.alerts.rule_state import UNFINISHED, Mark, Outcome, RuleState

FLIP_WINDOW: Final = 10
"""The number of finished runs among which changes between good and bad are counted."""
MAX_FLIPS: Final = 4
"""With this many changes, the pipeline is unstable."""
STABLE_RUNS: Final = 3
"""The good runs in a row after which it is stable again."""
MAX_UNFINISHED: Final = 50
_MARKS: Final = {AlertEvent.WAITING: Mark.WAITING, AlertEvent.LATE: Mark.LATE, AlertEvent.OVERRUN: Mark.OVERRUN}
_FAILURES: Final = frozenset({AlertEvent.FAILED, AlertEvent.LOST, AlertEvent.MISSED})


@dataclass(frozen=True, slots=True)
class Fact:
    """What happened to a run, or to a tick without a run, whose time is `due_at`.

    `event` is None when the run no longer waits for an approval.
    """

    event: AlertEvent | None
    at: datetime
    run_id: int | None = None
    due_at: datetime | None = None

    @property
    def subject(self) -> str:
        """The name of the run or the tick in a rule's state."""
        return str(self.run_id) if self.due_at is None else f"@{self.due_at.timestamp():.0f}"


@dataclass(frozen=True, slots=True)
class Decision:
    """The state of a rule after a fact, and what changes.

    An incident that opens and becomes unstable at once has one message. `notices` are the events to report without an incident.
    """

    state: RuleState
    opens: bool = False
    repeats: bool = False
    becomes_unstable: bool = False
    resolution: Resolution | None = None
    notices: tuple[AlertEvent, ...] = ()


def judge_fact(state: RuleState, rule: AlertRule, fact: Fact, incident: Incident | None) -> Decision:
    """Return what a fact changes. `incident` is the unresolved one of the rule and the state's key, if there is one.

    The outcomes of runs are ordered by their ends, so facts may come in any order. A run has one outcome, the one of its last end.
    """
    mark = _get_mark(rule, fact)
    if _is_known(state, fact, mark):
        return Decision(state)
    after = replace(state, outcomes=_update(state.outcomes, fact, mark, rule.after))
    decision = Decision(after)
    if mark is Mark.GOOD or mark is None:
        decision = _judge_end(decision, rule, fact, mark, incident)
    elif mark is not Mark.OTHER:
        decision = _judge_bad(decision, rule, fact, mark, incident)
    return replace(decision, notices=_get_notices(state, rule, fact, decision, incident))


def _is_known(state: RuleState, fact: Fact, mark: Mark | None) -> bool:
    """Return True if the state has the missed tick, or what is wrong with the unfinished run, already."""
    if mark not in UNFINISHED and fact.due_at is None:
        return False
    if any(outcome.subject == fact.subject and outcome.mark is mark for outcome in state.outcomes):
        return True
    finished = [outcome for outcome in state.outcomes if outcome.mark not in UNFINISHED]
    return fact.due_at is not None and len(finished) >= FLIP_WINDOW and fact.at < finished[0].at


def _get_mark(rule: AlertRule, fact: Fact) -> Mark | None:
    """Return the mark of the fact; None if the rule does not count it."""
    if fact.event is AlertEvent.COMPLETED:
        return Mark.GOOD
    if fact.event in rule.on:
        return _MARKS.get(fact.event, Mark.BAD)
    return Mark.OTHER if fact.event in _FAILURES and AlertEvent.RECOVERED in rule.on else None


def _update(outcomes: Iterable[Outcome], fact: Fact, mark: Mark | None, after: int) -> tuple[Outcome, ...]:
    """Return the outcomes with that of the fact, in the order of their times; as many as the rule needs."""
    if mark is not None:
        replaced = {mark} if mark in UNFINISHED else set(Mark)
    else:
        replaced = {Mark.WAITING} if fact.event is None else set(UNFINISHED)
    kept = [outcome for outcome in outcomes if outcome.subject != fact.subject or outcome.mark not in replaced]
    if mark is not None:
        kept.append(Outcome(fact.at, fact.subject, mark))
    unfinished = sorted(outcome for outcome in kept if outcome.mark in UNFINISHED)[-MAX_UNFINISHED:]
    finished = sorted(outcome for outcome in kept if outcome.mark not in UNFINISHED)[-max(FLIP_WINDOW, after) :]
    return tuple(sorted(unfinished + finished))


def _judge_bad(decision: Decision, rule: AlertRule, fact: Fact, mark: Mark, incident: Incident | None) -> Decision:
    marks = _list_finished(decision.state)
    is_unstable = mark is Mark.BAD and marks[-1:] == [Mark.BAD] and _count_flips(marks) >= MAX_FLIPS
    if incident is not None:
        return replace(decision, repeats=True, becomes_unstable=is_unstable and not incident.unstable)
    if mark in UNFINISHED or is_unstable or (marks[-1:] == [Mark.BAD] and decision.state.consecutive >= rule.after):
        return replace(decision, opens=True, becomes_unstable=is_unstable)
    if _count_streak(decision.state, fact) == rule.after:  # a later run was good already
        return replace(decision, opens=True, resolution=Resolution.RECOVERED)
    return decision


def _judge_end(decision: Decision, rule: AlertRule, fact: Fact, mark: Mark | None, incident: Incident | None) -> Decision:
    """Judge a good run, a run that the rule does not count, or the end of a wait for an approval."""
    if incident is None or any(outcome.mark in UNFINISHED for outcome in decision.state.outcomes):
        return decision
    marks = _list_finished(decision.state)
    if mark is Mark.GOOD and not incident.unstable and marks[-1] is Mark.GOOD and _count_flips(marks) >= MAX_FLIPS:
        return replace(decision, becomes_unstable=True)
    needed = STABLE_RUNS if incident.unstable else 1
    if len(marks) >= needed and set(marks[-needed:]) == {Mark.GOOD} and (mark is Mark.GOOD or _has_good_since(decision.state, incident)):
        return replace(decision, resolution=Resolution.RECOVERED)
    if incident.event is AlertEvent.WAITING and mark is None and decision.state.consecutive < rule.after and not incident.unstable:
        return replace(decision, resolution=Resolution.DECIDED)
    return decision


def _get_notices(state: RuleState, rule: AlertRule, fact: Fact, decision: Decision, incident: Incident | None) -> tuple[AlertEvent, ...]:
    if fact.event is not AlertEvent.COMPLETED:
        return ()
    notices = [AlertEvent.COMPLETED] if AlertEvent.COMPLETED in rule.on else []
    before = [outcome.mark for outcome in state.outcomes if outcome.mark not in UNFINISHED and outcome.at <= fact.at]
    is_told = decision.resolution is not None and rule.recovery
    is_unstable = decision.becomes_unstable or (incident is not None and incident.unstable)
    if AlertEvent.RECOVERED in rule.on and before[-1:] in ([Mark.BAD], [Mark.OTHER]) and not is_told and not is_unstable:
        notices.append(AlertEvent.RECOVERED)
    return tuple(notices)


def _list_finished(state: RuleState) -> list[Mark]:
    return [outcome.mark for outcome in state.outcomes if outcome.mark in (Mark.GOOD, Mark.BAD)]


def _count_flips(marks: Sequence[Mark]) -> int:
    return sum(before is not after for before, after in pairwise(marks[-FLIP_WINDOW:]))


def _count_streak(state: RuleState, fact: Fact) -> int:
    """Return the number of bad runs in a row that the fact's run is one of."""
    finished = [outcome for outcome in state.outcomes if outcome.mark in (Mark.GOOD, Mark.BAD)]
    index = next((index for index, outcome in enumerate(finished) if outcome.subject == fact.subject), None)
    if index is None:
        return 0
    earlier = takewhile(lambda outcome: outcome.mark is Mark.BAD, finished[index::-1])
    later = takewhile(lambda outcome: outcome.mark is Mark.BAD, finished[index + 1 :])
    return len(list(earlier)) + len(list(later))


def _has_good_since(state: RuleState, incident: Incident) -> bool:
    return any(outcome.mark is Mark.GOOD and outcome.at > incident.opened_at for outcome in state.outcomes)
