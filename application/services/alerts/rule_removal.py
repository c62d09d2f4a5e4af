"""Closes the incidents of rules that no longer exist."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.unit_of_work import UnitOfWork
from application.queries.views.events import SiteEventView
from application.services.alerts.incident_changes import IncidentChanges
from application.services.alerts.rule_judging import get_rules
from domain.alerts.incident import Incident, IncidentKind, Resolution
from domain.alerts.incident_entry import IncidentEntryKind
from domain.alerts.rule import SITE_PREFIX, SiteRule
from domain.site_events import SiteEventType

PIPELINE_EVENT_TYPES: Final = frozenset(
    {SiteEventType.PIPELINE_CHANGED, SiteEventType.PIPELINE_ARCHIVED, SiteEventType.PIPELINE_UNARCHIVED, SiteEventType.PIPELINE_DELETED}
)
RULE_EVENT_TYPES: Final = PIPELINE_EVENT_TYPES | {SiteEventType.ALERT_RULES_CHANGED}


async def close_removed(
    work: UnitOfWork,
    events: Sequence[SiteEventView],
    pipelines: Mapping[int, StoredPipeline],
    site_rules: Sequence[SiteRule],
    changes: IncidentChanges,
    now: datetime,
) -> None:
    """Close what the events leave without a rule, without messages, and forget the states of these rules.

    The judge does this rather than the commands, since it alone opens incidents: one that it opened beside a command is closed here.
    """
    for pipeline_id in sorted({event.pipeline_id for event in events if event.pipeline_id is not None}):
        await _close_pipeline(work, pipeline_id, pipelines.get(pipeline_id), site_rules, changes, now)
    for name in sorted({str(event.data.get("name")) for event in events if event.type is SiteEventType.ALERT_RULES_CHANGED}):
        await _close_site_rule(work, f"{SITE_PREFIX}{name}", site_rules, changes, now)


async def _close_pipeline(
    work: UnitOfWork,
    pipeline_id: int,
    pipeline: StoredPipeline | None,
    site_rules: Sequence[SiteRule],
    changes: IncidentChanges,
    now: datetime,
) -> None:
    is_over = pipeline is None or pipeline.activation.is_archived
    kept = {keyed.key for keyed in get_rules(pipeline, site_rules)} if pipeline is not None else set()
    resolution = Resolution.PIPELINE_ARCHIVED if is_over else Resolution.RULE_REMOVED
    for incident in await work.incidents.lock_unresolved(pipeline_id):
        if incident.kind is IncidentKind.PIPELINE and incident.rule_key not in kept:
            _close(incident, resolution, changes, now)
    await work.incidents.delete_states(pipeline_id, kept)


async def _close_site_rule(
    work: UnitOfWork, rule_key: str, site_rules: Sequence[SiteRule], changes: IncidentChanges, now: datetime
) -> None:
    rule = next((each for each in site_rules if each.key == rule_key), None)
    if rule is not None and not rule.tags:
        return
    incidents = await work.incidents.lock_unresolved_of_rule(rule_key)
    ids = [incident.pipeline_id for incident in incidents if incident.pipeline_id is not None]
    tags = {each.id: each.definition.tags for each in (await work.pipelines.find_many(ids)).values()} if rule is not None else {}
    for incident in incidents:
        if rule is None or not rule.applies_to(tags.get(incident.pipeline_id or 0, ())):
            _close(incident, Resolution.RULE_REMOVED, changes, now)
    if rule is None:
        await work.incidents.delete_states_of_rule(rule_key)


def _close(incident: Incident, resolution: Resolution, changes: IncidentChanges, now: datetime) -> None:
    data = {"resolution": resolution.value}
    changes.track(incident).change(incident.resolve(resolution, now), IncidentEntryKind.RESOLVED, now, data)
