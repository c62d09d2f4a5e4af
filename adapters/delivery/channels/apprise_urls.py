"""The URLs that Apprise gets: of services whose host is fixed, so that a channel cannot make Headgate connect to another."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Service:
    """A service with its plugin of Apprise: a module of `apprise.plugins` and its class.

    `own_url` matches the URLs that the service itself gives out for incoming messages, without their query.
    """

    name: str
    module: str
    plugin: str
    own_url: str | None = None


_SPLUNK: Final = Service("Splunk On-Call", "splunk", "NotifySplunk")
_WEBEX: Final = Service("Webex", "webexteams", "NotifyWebexTeams")
_DISCORD_URL: Final = r"https://(discord|discordapp)\.com/api/webhooks/[0-9]{5,30}/[A-Za-z0-9_-]{10,100}"
_GCHAT_URL: Final = r"https://chat\.googleapis\.com/v1/spaces/[A-Za-z0-9_-]{1,100}/messages"
_SLACK_URL: Final = r"https://hooks\.slack\.com/services/[A-Za-z0-9]+/[A-Za-z0-9]+/[A-Za-z0-9]+"
_TEAMS_URL: Final = (
    r"https://[a-z0-9-]+(\.[a-z0-9-]+)*\.(logic\.azure\.com|api\.powerplatform\.com)(:443)?"
    r"(/powerautomate/automations/direct(/cu/[0-9]+)?)?/workflows/[A-Za-z0-9_-]+/triggers/manual/paths/invoke"
)
SERVICES: Final = {
    "discord": Service("Discord", "discord", "NotifyDiscord", _DISCORD_URL),
    "flock": Service("Flock", "flock", "NotifyFlock"),
    "gchat": Service("Google Chat", "google_chat", "NotifyGoogleChat", _GCHAT_URL),
    "line": Service("LINE", "line", "NotifyLine"),
    "opsgenie": Service("Opsgenie", "opsgenie", "NotifyOpsgenie"),
    "pbul": Service("Pushbullet", "pushbullet", "NotifyPushBullet"),
    "pover": Service("Pushover", "pushover", "NotifyPushover"),
    "prowl": Service("Prowl", "prowl", "NotifyProwl"),
    "signl4": Service("SIGNL4", "signl4", "NotifySIGNL4"),
    "slack": Service("Slack", "slack", "NotifySlack", _SLACK_URL),
    "splunk": _SPLUNK,
    "tgram": Service("Telegram", "telegram", "NotifyTelegram"),
    "victorops": _SPLUNK,
    "webex": _WEBEX,
    "wxteams": _WEBEX,
}
"""The services by the schema of their URLs."""
TEAMS: Final = Service("Microsoft Teams", "workflows", "NotifyWorkflows", _TEAMS_URL)
"""Its URLs name a host, so only those of Microsoft are allowed."""
_OPTIONS: Final = frozenset(
    {
        "api-version",
        "channel",
        "key",
        "priority",
        "region",
        "responders",
        "sig",
        "sound",
        "sp",
        "sv",
        "tags",
        "thread",
        "to",
        "token",
        "topic",
    }
)
"""Options in a URL's query. Others are refused: some of Apprise's load files or connect to other hosts."""


def list_services() -> str:
    """Return the allowed services for a message."""
    schemas = ", ".join(f"{schema}://" for schema in SERVICES)
    own = ", ".join(service.name for service in (*SERVICES.values(), TEAMS) if service.own_url)
    return f"{schemas}, and the webhook URLs of {own}"


def find_service(url: str) -> Service | None:
    """Return the service that the URL is for, None if it is not allowed."""
    schema, separator, rest = url.partition("://")
    if separator and rest.strip("/") and schema.lower() in SERVICES:
        return SERVICES[schema.lower()]
    plain = url.partition("?")[0].rstrip("/")
    services = (service for service in (*SERVICES.values(), TEAMS) if service.own_url)
    return next((service for service in services if re.fullmatch(service.own_url or "", plain, re.ASCII)), None)


def find_url_problem(url: object) -> str | None:
    """Return why Apprise does not get this URL, None if it does."""
    if not isinstance(url, str) or len(url) > 2_000 or not re.fullmatch(r"[\x21-\x7e]+", url):
        return "must be a URL in ASCII without spaces, at most 2,000 characters"
    if find_service(url) is None:
        return f"is not the URL of an allowed service. Allowed are {list_services()}"
    try:
        query = parse_qsl(urlsplit(url).query, keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return "must be a URL"
    for name, _ in query:
        if name.lower() not in _OPTIONS:
            return f"has the option {name:.40}, which Headgate does not allow. Allowed are {', '.join(sorted(_OPTIONS))}"
    return None
