"""Parses the fields of a channel's settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from domain.address_policy import AddressForbidden
from domain.errors import FieldProblem, InvalidInput
from domain.pipelines.http_request import find_url_problem
from domain.text_validation import describe_other_type, find_text_problem

PREFIX: Final = "settings."
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]+:[0-9A-Fa-f:.]*", re.ASCII)
_MAIL_ADDRESS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
CheckWritten = Callable[[str, int], None]
"""Raises AddressForbidden for a port, or an address that is written instead of a name, that is not allowed."""


class SettingsParser:
    """Returns the fields' values, and collects their problems."""

    def __init__(self, raw: Mapping[str, Any], known: Collection[str]) -> None:
        self._raw = raw
        self._problems: list[FieldProblem] = []
        for key in raw:
            if key not in known:
                self.add_problem(f"{key!s:.60}", "unknown key; known keys: " + ", ".join(sorted(known)))

    def add_problem(self, key: str, message: str) -> None:
        self._problems.append(FieldProblem(PREFIX + key, message))

    def raise_problems(self) -> None:
        """Raise InvalidInput if there are problems."""
        if self._problems:
            raise InvalidInput(self._problems)

    def is_given(self, key: str) -> bool:
        return self._raw.get(key) is not None

    def parse_text(self, key: str, pattern: str, description: str, *, default: str | None = None) -> str:
        """Return a text that matches the pattern as a whole. The description continues "must be"."""
        value = self._raw.get(key, default)
        if value is None:
            self.add_problem(key, "is required")
        elif not isinstance(value, str):
            self.add_problem(key, describe_other_type(value))
        elif not re.fullmatch(pattern, value, re.ASCII):
            self.add_problem(key, f"must be {description}")
        else:
            return value
        return ""

    def parse_secret(self, key: str, max_length: int = 1_000) -> str:
        """Return a text as it is; empty if there is none."""
        value = self._raw.get(key)
        if value is None:
            return ""
        if problem := find_text_problem(value, max_length):
            self.add_problem(key, problem)
            return ""
        return str(value)

    def parse_choice(self, key: str, choices: Collection[str], default: str) -> str:
        value = self._raw.get(key)
        if value is None or (isinstance(value, str) and value in choices):
            return default if value is None else value
        self.add_problem(key, "must be one of " + ", ".join(choices))
        return default

    def parse_port(self, key: str, default: int) -> int:
        value = self._raw.get(key)
        if value is None:
            return default
        if type(value) is int and 1 <= value <= 65_535:
            return value
        self.add_problem(key, "must be a whole number from 1 to 65535")
        return default

    def parse_host(self, key: str) -> str:
        return self.parse_text(key, _HOST.pattern, "a host name or an address").lower()

    def parse_mail_address(self, key: str) -> str:
        return self.parse_text(key, _MAIL_ADDRESS.pattern, "one mail address, such as ops@example.org")

    def parse_mail_addresses(self, key: str, maximum: int) -> list[str]:
        value = self._raw.get(key)
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not 1 <= len(listed) <= maximum:
            self.add_problem(key, f"must be a list of 1 to {maximum} mail addresses")
            return []
        for index, address in enumerate(listed):
            if not isinstance(address, str) or not _MAIL_ADDRESS.fullmatch(address):
                self.add_problem(f"{key}[{index}]", "must be a mail address, such as ops@example.org")
        return list(dict.fromkeys(str(address) for address in listed))

    def parse_url(self, key: str, check_written: CheckWritten) -> str:
        """Return an http or https URL whose port and address are allowed, as far as they are known without a name lookup."""
        url = self._raw.get(key)
        problem = "is required" if url is None else find_url_problem(url)
        if isinstance(url, str) and problem is not None and "@" in url:
            problem = "must be a URL without a user and a password"
        if problem is None:
            parts = urlsplit(str(url))
            problem = self._find_address_problem(
                parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80), check_written
            )
        if problem is not None:
            self.add_problem(key, problem)
        return str(url)

    def check_address(self, host_key: str, host: str, port: int, check_written: CheckWritten) -> None:
        """Note a problem if the port, or an address written as the host, is not allowed."""
        if host and (problem := self._find_address_problem(host, port, check_written)):
            self.add_problem("port" if problem.startswith("Port") else host_key, problem)

    @staticmethod
    def _find_address_problem(host: str, port: int, check_written: CheckWritten) -> str | None:
        try:
            check_written(host, port)
        except AddressForbidden as forbidden:
            return str(forbidden)
        return None
