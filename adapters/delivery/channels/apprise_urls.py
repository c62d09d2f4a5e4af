"""The URLs that Apprise gets: of services whose host is fixed, so that a channel cannot make Headgate connect to another."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, urlsplit

SERVICES: Final = {
    "discord": "Discord",
    "flock": "Flock",
    "gchat": "Google Chat",
    "line": "LINE",
    "opsgenie": "Opsgenie",
    "pbul": "Pushbullet",
    "pover": "Pushover",
    "prowl": "Prowl",
    "signl4": "SIGNL4",
    "slack": "Slack",
    "splunk": "Splunk On-Call",
    "tgram": "Telegram",
    "victorops": "Splunk On-Call",
    "webex": "Webex",
    "wxteams": "Webex",
}
"""The names of the services by the schema of their URLs."""
_OWN_URLS: Final = {
    "Discord": r"https://(discord|discordapp)\.com/api/webhooks/[0-9]{5,30}/[A-Za-z0-9_-]{10,100}",
    "Google Chat": r"https://chat\.googleapis\.com/v1/spaces/[A-Za-z0-9_-]{1,100}/messages",
    "Microsoft Teams": r"https://[a-z0-9-]+(\.[a-z0-9-]+)*\.(logic\.azure\.com|api\.powerplatform\.com)(:443)?"
    r"(/powerautomate/automations/direct(/cu/[0-9]+)?)?/workflows/[A-Za-z0-9_-]+/triggers/manual/paths/invoke",
    "Slack": r"https://hooks\.slack\.com/services/[A-Za-z0-9]+/[A-Za-z0-9]+/[A-Za-z0-9]+",
}
"""The URLs that the services themselves give out for incoming messages, without the query."""
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
    return f"{schemas}, and the webhook URLs of {', '.join(_OWN_URLS)}"


def find_service(url: str) -> str | None:
    """Return the name of the service that the URL is for, None if it is not allowed."""
    schema, separator, rest = url.partition("://")
    if separator and rest.strip("/") and schema.lower() in SERVICES:
        return SERVICES[schema.lower()]
    plain = url.partition("?")[0].rstrip("/")
    return next((name for name, pattern in _OWN_URLS.items() if re.fullmatch(pattern, plain, re.ASCII)), None)


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
