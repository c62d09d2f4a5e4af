"""Check the settings of each kind of channel. Each function returns the settings to store and a summary without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from adapters.delivery.channels.apprise_urls import find_service
from adapters.delivery.channels.apprise_urls import find_url_problem as find_apprise_problem
from adapters.delivery.channels.settings_parser import CheckWritten, SettingsParser
from adapters.proxies import is_this_machine

MAX_RECIPIENTS: Final = 20
SMTP_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
"""The usual port of a mail server by the kind of encryption."""
PAGERDUTY_REGIONS: Final = ("us", "eu")
Parsed = tuple[dict[str, Any], str]


def parse_webhook(parser: SettingsParser, check_written: CheckWritten, *, https_only: bool) -> Parsed:
    url = parser.parse_url("url", check_written)
    parser.raise_problems()
    parts = urlsplit(url)
    if https_only and parts.scheme != "https" and not is_this_machine(parts.hostname or ""):
        parser.add_problem("url", "must begin with https://, because users sign in to this Headgate")
        parser.raise_problems()
    return {"url": url}, f"{parts.netloc}/…"


def parse_pagerduty(parser: SettingsParser) -> Parsed:
    key = parser.parse_text("routing_key", r"[A-Za-z0-9]{32}", "must be a PagerDuty integration key of 32 letters and digits")
    region = parser.parse_choice("region", PAGERDUTY_REGIONS, "us")
    parser.raise_problems()
    return {"routing_key": key, "region": region}, "PagerDuty" if region == "us" else "PagerDuty (EU)"


def parse_email(parser: SettingsParser, check_written: CheckWritten, password_host: str | None) -> Parsed:
    """Check the settings of a mail server. `password_host` is the host that a password was entered for earlier, if it is not given now."""
    security = parser.parse_choice("security", tuple(SMTP_PORTS), "starttls")
    host, port = parser.parse_host("host"), parser.parse_port("port", SMTP_PORTS[security])
    user, password = parser.parse_secret("user", 256), parser.parse_secret("password")
    recipients = parser.parse_mail_addresses("to", MAX_RECIPIENTS)
    settings = {"host": host, "port": port, "security": security, "user": user, "password": password}
    settings |= {"from": parser.parse_mail_address("from"), "to": recipients}
    parser.check_address("host", host, port, check_written)
    _check_credentials(parser, settings, password_host)
    parser.raise_problems()
    others = f" and {len(recipients) - 1} more" if len(recipients) > 1 else ""
    return settings, f"{recipients[0]}{others} through {host}"


def parse_apprise(parser: SettingsParser) -> Parsed:
    url = parser.parse_secret("url", 2_000)
    if not parser.is_given("url"):
        parser.add_problem("url", "is required")
    elif problem := find_apprise_problem(url):
        parser.add_problem("url", problem)
    parser.raise_problems()
    service = find_service(url)
    return {"url": url}, service.name if service is not None else ""


def _check_credentials(parser: SettingsParser, settings: Mapping[str, Any], password_host: str | None) -> None:
    """Note a problem if the password would be sent in clear text, or to another server than the one that it was entered for."""
    if parser.is_given("password") and not parser.is_given("user"):
        parser.add_problem("user", "is required with a password")
    if parser.is_given("user") and not parser.is_given("password"):
        parser.add_problem("password", "is required with a user")
    if settings["password"] and settings["security"] == "none" and not is_this_machine(settings["host"]):
        parser.add_problem("security", "must be starttls or tls, because none would send the password in clear text")
    if password_host not in (None, settings["host"]):
        parser.add_problem("password", "is required again, because the host changes")
