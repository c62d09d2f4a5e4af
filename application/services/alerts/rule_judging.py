"""Applies facts about runs to the rules of their pipelines, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.unit_of_work import UnitOfWork
from application.services.alerts.incident_changes import ChangedIncident, IncidentChanges, get_message_kind
from application.services.alerts.judged_facts import JudgedFact
from domain.alerts.incident import Incident, IncidentKind, Resolution
from domain.alerts.incident_entry import IncidentEntryKind
from domain.alerts.judging import Decision, judge_fact
from domain.alerts.message import MessageKind, Transition
from domain.alerts.rule import AlertEvent, AlertRule, SiteRule
from domain.alerts.rule_state import RuleKey, RuleState


@dataclass(frozen=True, slots=True)
class KeyedRule:
    """A rule of a pipeline, or a site rule that applies to it, with the key under which its state is stored."""

    key: str
    rule: AlertRule


def get_rules(pipeline: StoredPipeline, site_rules: Sequence[SiteRule]) -> list[KeyedRule]:
    """Return the rules of a pipeline; none if it is archived."""
    if pipeline.activation.is_archived:
        return []
    own = [KeyedRule(rule.key, rule) for rule in pipeline.definition.alerts]
    return own + [KeyedRule(each.key, each.rule) for each in site_rules if each.applies_to(pipeline.definition.tags)]


async def apply_facts(work: UnitOfWork, facts: Sequence[JudgedFact], site_rules: Sequence[SiteRule], changes: IncidentChanges) -> int:
    """Judge the facts in their order, store the states of the rules, and note what changes in incidents. Return the number of judgements.

    The position is locked. The number of statements does not depend on the number of facts.
    """
    judged = [(each, keyed, _get_key(each, keyed)) for each in facts for keyed in get_rules(each.pipeline, site_rules)]
    if not judged:
        return 0
    keys = list(dict.fromkeys(key for _, _, key in judged))
    stored = await work.incidents.find_states(keys)
    unresolved = await work.incidents.find_unresolved(keys)
    locked = await work.incidents.lock([incident.id for incident in unresolved.values()]) if unresolved else {}
    session = _Session({key: locked[incident.id] for key, incident in unresolved.items() if incident.id in locked}, changes)
    states = {key: stored.get(key, RuleState(key)) for key in keys}
    for each, keyed, key in judged:
        states[key] = session.apply(states[key], each, keyed)
    await work.incidents.save_states([state for key, state in states.items() if state != stored.get(key, RuleState(key))])
    return len(judged)


class _Session:
    """The unresolved incidents of the rules while facts are judged one after the other."""

    def __init__(self, unresolved: Mapping[RuleKey, Incident], changes: IncidentChanges) -> None:
        self._changes = changes
        self._open = {key: changes.track(incident) for key, incident in unresolved.items() if not incident.is_resolved}

    def apply(self, state: RuleState, judged: JudgedFact, keyed: KeyedRule) -> RuleState:
        changed = self._open.get(state.key)
        decision = judge_fact(state, keyed.rule, judged.fact, changed.incident if changed else None)
        if decision.opens:
            changed = self._open_incident(decision, judged, keyed)
        elif changed is not None:
            self._change_incident(changed, decision, judged, keyed)
        if changed is not None and decision.resolution is not None:
            self._resolve(changed, decision.resolution, judged, keyed)
            del self._open[state.key]
        for event in decision.notices:
            self._announce(None, MessageKind.NOTICE, judged, keyed, event)
        return decision.state

    def _open_incident(self, decision: Decision, judged: JudgedFact, keyed: KeyedRule) -> ChangedIncident:
        fact, key = judged.fact, decision.state.key
        incident = Incident(
            0,
            IncidentKind.PIPELINE,
            fact.at,
            judged.summary,
            pipeline_id=key.pipeline_id,
            rule_key=key.rule_key,
            concurrency_key=key.concurrency_key,
            event=fact.event,
            cause=judged.cause,
            first_run_id=fact.run_id,
            last_run_id=fact.run_id,
            last_seen_at=fact.at,
            unstable=decision.becomes_unstable,
        )
        changed = self._open[key] = self._changes.track(incident)
        changed.change(incident, IncidentEntryKind.OPENED, fact.at, _describe(judged))
        self._announce(changed, get_message_kind(True, decision.becomes_unstable), judged, keyed)
        return changed

    def _change_incident(self, changed: ChangedIncident, decision: Decision, judged: JudgedFact, keyed: KeyedRule) -> None:
        fact = judged.fact
        if decision.repeats:
            repeated = changed.incident.repeat(fact.run_id, fact.at, judged.summary)
            changed.change(repeated, IncidentEntryKind.REPEATED, fact.at, _describe(judged))
        if decision.becomes_unstable:
            changed.change(changed.incident.mark_unstable(), IncidentEntryKind.UNSTABLE, fact.at, _describe(judged))
            self._announce(changed, get_message_kind(False, True), judged, keyed)

    def _resolve(self, changed: ChangedIncident, resolution: Resolution, judged: JudgedFact, keyed: KeyedRule) -> None:
        resolved = changed.incident.resolve(resolution, judged.fact.at)
        changed.change(resolved, IncidentEntryKind.RESOLVED, judged.fact.at, {"resolution": resolution.value} | _describe(judged))
        self._announce(changed, MessageKind.RECOVERED, judged, keyed)

    def _announce(
        self, changed: ChangedIncident | None, kind: MessageKind, judged: JudgedFact, keyed: KeyedRule, event: AlertEvent | None = None
    ) -> None:
        fact, incident = judged.fact, changed.incident if changed is not None else None
        event = event or fact.event
        self._changes.announce(changed, Transition(incident, kind, keyed.rule, judged.pipeline.id, fact.run_id, fact.at, event))


def _get_key(judged: JudgedFact, keyed: KeyedRule) -> RuleKey:
    return RuleKey(judged.pipeline.id, keyed.key, judged.concurrency_key)


def _describe(judged: JudgedFact) -> dict[str, object]:
    run = {"run_id": judged.fact.run_id} if judged.fact.run_id is not None else {}
    return run | ({"summary": judged.summary} if judged.summary else {})
