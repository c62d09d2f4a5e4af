"""Alerts of the example board."""

from dataclasses import replace
from datetime import time, timedelta

from domain.alerts.channel import ChannelKind
from domain.alerts.incident import Resolution
from domain.alerts.incident_entry import IncidentEntryKind
from domain.alerts.message import MessageKind
from domain.alerts.rule import AlertEvent, QuietHours
from tests.support.in_process import InProcessHeadgate


async def furnish_alerts(headgate: InProcessHeadgate, found: dict[str, int]) -> None:
    """Channels of all kinds, rules, silences, and incidents in every state; one is of a channel that does not deliver."""
    stories = headgate.alert_stories
    pipelines = {row.name: row.id for row in headgate.fakes.store.committed.pipelines.values()}
    now, proof = stories.now, {"proved_at": stories.now - timedelta(days=3), "proved_seconds": 4.0}
    team = await stories.add_channel("data-team", ChannelKind.APPRISE, summary="hooks.slack.com/…", drill=True, **proof)
    pager = await stories.add_channel("pager", ChannelKind.PAGERDUTY, summary="events.pagerduty.com", fallback="mail", **proof)
    mail = await stories.add_channel("mail", ChannelKind.EMAIL, summary="ops@example.org through smtp.example.org")
    hook = await stories.add_channel("status-page", summary="status.example.org/…")
    quiet = QuietHours("Europe/Berlin", time(22), time(7), ("pager",))
    await stories.add_rule("oncall", "data-team", "pager", on=(AlertEvent.FAILED, AlertEvent.LOST, AlertEvent.MISSED), remind=14_400.0)
    await stories.add_rule("warehouse", "mail", tags=("warehouse",), after=2, quiet=quiet)
    warehouse = pipelines["nightly-warehouse"]
    main = await stories.open_incident(warehouse, found["nightly-warehouse"], ago=1_260, rule_key="site:oncall")
    for channel in (team, mail):
        await stories.deliver(main, channel, lambda each: each.mark_sent(now - timedelta(seconds=1_257)))
    await stories.deliver(main, pager, lambda each: replace(each, due_at=now + timedelta(minutes=9)), kind=MessageKind.ESCALATED)
    broken = await stories.break_channel(hook, "answers 500 Internal Server Error")
    await stories.deliver(main, hook, lambda each: each.retry("500 Internal Server Error", now, jitter=0.5))
    await stories.deliver(broken, mail, lambda each: each.mark_sent(now))
    geo = await stories.open_incident(pipelines["geo-tiles"], None, "lost at render-z12: worker-1 stopped responding", 2_100)
    await stories.change(geo, geo.acknowledge("mara", now - timedelta(seconds=900)), IncidentEntryKind.ACKNOWLEDGED, "mara")
    flights = await stories.open_incident(pipelines["flights"], None, "late: nothing since 02:30", 9_000, event=AlertEvent.LATE)
    await stories.change(flights, flights.snooze("ada", now + timedelta(hours=3), now), IncidentEntryKind.SNOOZED, "ada")
    docs = await stories.open_incident(pipelines["docs-site"], None, "failed at deploy: exit code 3", 90_000)
    await stories.change(docs, docs.resolve(Resolution.RECOVERED, now - timedelta(hours=20)), IncidentEntryKind.RESOLVED)
    await stories.silence(warehouse, reason="PostgreSQL 18 upgrade")
    await stories.silence(tag="sql", starts=20, hours=4, reason="Storage is moved to the new rack")
