"""The addresses of the webs that a worker may use, and the one that it uses now."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import httpx

log = logging.getLogger("headgate.worker")

UNAVAILABLE_STATUSES: Final = (502, 503, 504)
"""Statuses of a web that stops or is overloaded, and of a proxy whose web does not respond."""

_FIRST_PATIENCE: Final = 1.8
"""Seconds that a request waits for an answer, while another address could answer sooner."""
_CONNECT_SHARE: Final = 0.3


class WebAddresses:
    """The addresses, without a trailing slash. Requests use `current` until it does not respond."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.urls = tuple(dict.fromkeys(url.rstrip("/") for url in urls))
        self._position = 0
        self._answered = self.urls[0]

    @property
    def current(self) -> str:
        return self.urls[self._position]

    @property
    def has_others(self) -> bool:
        return len(self.urls) > 1

    def leave(self, url: str) -> None:
        """Use the next address, unless another request has already left this one."""
        if url == self.current:
            self._position = (self._position + 1) % len(self.urls)

    def record_answer(self, url: str) -> None:
        """Log a change of the address that answers."""
        if url != self._answered:
            log.warning("Headgate did not respond at %s; requests now go to %s", self._answered, url)
            self._answered = url

    def limit_timeout(self, usual: httpx.Timeout, failed_rounds: int) -> httpx.Timeout:
        """Return the timeout of a request. With several addresses it is short at first, and doubles with each round that failed.

        Without the doubling, a database that needs longer than the first timeout would never get to answer.
        """
        if not self.has_others:
            return usual
        patience = _FIRST_PATIENCE * 2 ** min(failed_rounds, 10)
        connect, read = patience * _CONNECT_SHARE, patience * (1 - _CONNECT_SHARE)
        return httpx.Timeout(min(read, usual.read or read), connect=min(connect, usual.connect or connect), pool=None)
