"""Channels as pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from application.queries.explain.durations import format_duration
from application.queries.views.alerts import ChannelView
from domain.alerts.channel import ChannelKind
from domain.alerts.channel_uses import ChannelUses
from entrypoints.web.view_models.formatting import StatusLabel, Timestamp, format_timestamp, pluralize, shorten_json

KIND_WORDS: Final = {
    ChannelKind.WEBHOOK: "Webhook",
    ChannelKind.EMAIL: "Email",
    ChannelKind.PAGERDUTY: "PagerDuty",
    ChannelKind.APPRISE: "Chat (Apprise)",
}
KIND_HELP: Final = {
    ChannelKind.WEBHOOK: "A signed JSON request (Standard Webhooks) to your URL.",
    ChannelKind.EMAIL: "Text and HTML through your SMTP server.",
    ChannelKind.PAGERDUTY: "Events API v2. Incidents also resolve in PagerDuty.",
    ChannelKind.APPRISE: "An Apprise URL: Slack, Teams, Discord, Telegram, Pushover, Opsgenie and others.",
}
MAX_USES: Final = 20


@dataclass(frozen=True, slots=True)
class ChannelUseItem:
    """What sends to a channel, with its page."""

    name: str
    href: str


@dataclass(frozen=True, slots=True)
class ChannelItem:
    """A channel. `proved` is when a recipient last confirmed a test, `took` how long it took; `messages` counts waiting and dead ones."""

    name: str
    kind: str
    summary: str
    label: StatusLabel
    reason: str
    proved: Timestamp | None
    took: str
    messages: str
    is_disabled: bool
    fallback: str
    has_drill: bool
    created: Timestamp | None
    created_by: str
    uses: Sequence[ChannelUseItem]
    more_uses: int


def build_channel_item(channel: ChannelView, is_broken: bool) -> ChannelItem:
    """Return a channel's row. It is broken if it has an unresolved incident."""
    uses = list_uses(channel.used_by)
    return ChannelItem(
        name=channel.name,
        kind=KIND_WORDS[channel.kind],
        summary=shorten_json(channel.summary, 120),
        label=_get_label(channel, is_broken),
        reason=shorten_json(channel.disabled_reason or "", 300),
        proved=format_timestamp(channel.proved_at),
        took=format_duration(channel.proved_seconds) if channel.proved_seconds is not None else "",
        messages=describe_messages(channel),
        is_disabled=channel.disabled_at is not None,
        fallback=channel.fallback or "",
        has_drill=channel.drill,
        created=format_timestamp(channel.created_at),
        created_by=channel.created_by or "",
        uses=uses[:MAX_USES],
        more_uses=max(0, len(uses) - MAX_USES),
    )


def list_uses(used_by: ChannelUses) -> list[ChannelUseItem]:
    """Return the pipelines, site-wide rules and channels that send to a channel."""
    return [
        *(ChannelUseItem(name, f"/ui/pipelines/{name}") for name in used_by.pipelines),
        *(ChannelUseItem(f"rule {name}", f"/ui/alert-rules/{name}") for name in used_by.rules),
        *(ChannelUseItem(f"fallback of {name}", f"/ui/channels/{name}") for name in used_by.channels),
    ]


def describe_messages(channel: ChannelView) -> str:
    """Return how many messages wait, and how many Headgate gave up: "3 waiting, 1 not delivered"; empty without any."""
    parts = [f"{channel.waiting:,} waiting"] if channel.waiting else []
    return ", ".join([*parts, *([pluralize(channel.dead, "not delivered", "not delivered")] if channel.dead else [])])


def _get_label(channel: ChannelView, is_broken: bool) -> StatusLabel:
    if channel.disabled_at is not None:
        return StatusLabel("cancelled", "Disabled")
    return StatusLabel("failed", "Not delivering") if is_broken else StatusLabel("completed", "Enabled")
