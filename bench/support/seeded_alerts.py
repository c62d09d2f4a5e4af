"""Incidents, messages and deliveries of seeded runs: one incident for every third run, with two deliveries."""

from __future__ import annotations

from typing import Final

CHANNEL_COUNT: Final = 20
UNRESOLVED_EVERY: Final = 60
"""One of so many runs has an incident that is not resolved, and a delivery that is scheduled."""
CHANNELS: Final = f"""
INSERT INTO channel (name, kind, settings, summary, created_at, drill)
SELECT 'seeded-' || n, 'webhook', '', 'hooks.example.org', now(), false FROM generate_series(1, {CHANNEL_COUNT}) AS n
ON CONFLICT DO NOTHING
"""
_RULE = f"CASE WHEN id % {UNRESOLVED_EVERY} = 0 THEN 'rule-' || id ELSE 'critical' END"
_CHANNEL = f"(SELECT min(id) FROM channel) + seeded.id / 3 % {CHANNEL_COUNT}"
_DELIVERY = "(id, message_id, kind, incident_id, pipeline_id, channel_id, due_at, state, tries, sent_at)"

ALERTS: Final = (
    f"""
INSERT INTO incident (id, kind, pipeline_id, rule_key, concurrency_key, event, cause, state, summary, opened_at, first_run_id, last_run_id,
                      repeats, last_seen_at, unstable, resolved_at, resolution, group_id) OVERRIDING SYSTEM VALUE
SELECT id, 'pipeline', pipeline, {_RULE}, '', 'failed', 'fingerprint:' || number / 2,
       CASE WHEN id % {UNRESOLVED_EVERY} = 0 THEN 'open' ELSE 'resolved' END, 'failed at stage-5: ValueError', at, id, id, 0, at, false,
       CASE WHEN id % {UNRESOLVED_EVERY} > 0 THEN at + '60 s' END, CASE WHEN id % {UNRESOLVED_EVERY} > 0 THEN 'recovered' END,
       CASE WHEN id % 9 = 0 THEN id END
FROM seeded WHERE id % 3 = 0
""",
    """
INSERT INTO incident_entry (incident_id, pipeline_id, at, kind, data)
SELECT id, pipeline, at, kind, '{}' FROM seeded, (VALUES ('opened'), ('resolved')) AS kinds (kind) WHERE id % 3 = 0
""",
    f"""
INSERT INTO alert_rule_state (pipeline_id, rule_key, concurrency_key, outcomes)
SELECT pipeline, {_RULE}, '', id || 'b1764439200000000' FROM seeded WHERE id % 3 = 0 ON CONFLICT DO NOTHING
""",
    """
INSERT INTO alert_message (id, incident_id, pipeline_id, kind, content, at)
SELECT kind || '-' || id, id, pipeline, kind, '{"subject": "failed at stage-5"}', at
FROM seeded, (VALUES ('opened'), ('recovered')) AS kinds (kind) WHERE id % 3 = 0
""",
    f"""
INSERT INTO delivery {_DELIVERY} OVERRIDING SYSTEM VALUE
SELECT 2 * id, 'opened-' || id, 'opened', id, pipeline, {_CHANNEL}, at, CASE WHEN id % 99 = 0 THEN 'dead' ELSE 'sent' END, 1, at
FROM seeded WHERE id % 3 = 0
""",
    f"""
INSERT INTO delivery {_DELIVERY} OVERRIDING SYSTEM VALUE
SELECT 2 * id + 1, 'recovered-' || id, 'recovered', id, pipeline, {_CHANNEL}, at,
       CASE WHEN id % {UNRESOLVED_EVERY} = 0 THEN 'scheduled' ELSE 'sent' END, 1, at
FROM seeded WHERE id % 3 = 0
""",
)
"""Statements that fill the tables from the rows of `seeded`."""
