"""Sends messages with Apprise, to services whose host is fixed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

from adapters.delivery.bounded_threads import BoundedThreads
from adapters.delivery.channels.apprise_urls import find_service, find_url_problem
from adapters.delivery.channels.reasons import clean_text, list_secrets
from application.ports.delivery.channel_sender import DeliveryFailed
from application.ports.delivery.outgoing_message import OutgoingMessage

TIMEOUT: Final = 15.0
_MAX_THREADS: Final = 32
_TYPES: Final = {"critical": "failure", "warning": "warning", "info": "info", "resolved": "success"}


class AppriseSender:
    """Calls Apprise in a thread. Apprise returns only whether it succeeded, so its log gives the reason. It is loaded when first used."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self._threads = BoundedThreads("headgate-apprise", _MAX_THREADS)

    async def send(self, settings: Mapping[str, Any], message: OutgoingMessage) -> None:
        """Send the message. Raise DeliveryFailed."""
        url = str(settings["url"])
        if problem := find_url_problem(url):
            raise DeliveryFailed(f"The channel's URL {problem}.", is_permanent=True)
        service = find_service(url)
        try:
            async with asyncio.timeout(self._timeout):
                reason = await self._threads.run(lambda: _notify(url, message))
        except TimeoutError:
            raise DeliveryFailed(f"{service} did not confirm the message within {self._timeout:g} seconds; it may have arrived.") from None
        if reason is not None:
            said = clean_text(reason, list_secrets(url)).rstrip(".")
            raise DeliveryFailed(f"{service} did not take the message{f': {said}' if said else ''}.")


def _notify(url: str, message: OutgoingMessage) -> str | None:
    """Return None if the service took the message, else what Apprise logged."""
    import apprise

    with _capture_warnings() as lines:
        service: Any = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if service is None:
            return "Apprise cannot read the channel's URL"
        body = build_body(message, int(service.body_maxlen))
        try:
            was_sent = service.notify(body, message.subject, _TYPES[message.severity], body_format=apprise.NotifyFormat.TEXT)
        except Exception as failure:
            return type(failure).__name__
    return None if was_sent else " ".join(lines)


def build_body(message: OutgoingMessage, max_length: int) -> str:
    """Return the text and the links. A text that is too long is cut, so that the links stay."""
    links = "".join(f"\n{link.label}: {link.url}" for link in message.links)
    room = max_length - len(links) - len(message.subject) - 10
    text = message.text.strip()
    if len(text) > room:
        text = text[: max(room - 1, 0)] + "…"
    return f"{text}\n{links}" if links else text


@contextlib.contextmanager
def _capture_warnings() -> Iterator[list[str]]:
    """Yield a list that gets the warnings of this thread. Apprise's log reaches no other handler, since it may have secrets."""
    logger, handler = logging.getLogger("apprise"), _ThreadHandler(threading.get_ident())
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)


class _ThreadHandler(logging.Handler):
    def __init__(self, thread: int) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._thread = thread

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.lines.append(record.getMessage())
