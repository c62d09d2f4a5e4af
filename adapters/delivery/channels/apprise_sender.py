"""Sends messages with Apprise, to services whose host is fixed."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

from adapters.delivery.bounded_threads import BoundedThreads
from adapters.delivery.channels.apprise_urls import Service, find_service, find_url_problem
from adapters.delivery.channels.mail_message import to_header_text
from adapters.delivery.channels.reasons import clean_text, list_secrets
from application.ports.delivery.channel_sender import DeliveryFailed
from application.ports.delivery.outgoing_message import OutgoingMessage

_MAX_THREADS: Final = 32
_LEVELS: Final = (logging.WARNING, logging.ERROR, logging.CRITICAL)
"""Apprise has a level of its own for notes about its next releases."""
_TYPES: Final = {"critical": "failure", "warning": "warning", "info": "info", "resolved": "success"}


class AppriseSender:
    """Calls Apprise in a thread. Apprise returns only whether it succeeded, so its log gives the reason. It is loaded when first used."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._threads = BoundedThreads("headgate-apprise", _MAX_THREADS)

    async def send(self, settings: Mapping[str, Any], message: OutgoingMessage) -> None:
        """Send the message. Raise DeliveryFailed."""
        url = str(settings["url"])
        service = find_service(url)
        if service is None or (problem := find_url_problem(url)):
            raise DeliveryFailed(f"The channel's URL {problem if service else 'is not from an allowed service'}.", is_permanent=True)
        try:
            async with asyncio.timeout(self._timeout):
                reason = await self._threads.run(lambda: _notify(service, url, message))
        except TimeoutError:
            raise DeliveryFailed(
                f"{service.name} did not confirm the message within {self._timeout:g} seconds; it may have arrived.",
                may_have_arrived=True,
            ) from None
        if reason is not None:
            said = clean_text(reason, list_secrets(url)).rstrip(".")
            # A reason with the status of a response proves that the service refused the message; another one may be a lost response.
            has_status = re.search(r"error ?[=:] ?\d", reason) is not None
            raise DeliveryFailed(f"{service.name} rejected the message{f': {said}' if said else ''}.", may_have_arrived=not has_status)


def _notify(service: Service, url: str, message: OutgoingMessage) -> str | None:
    """Return None if the service took the message, else what Apprise logged.

    Only the service's own plugin is loaded: all of them take 20 MB, and no other host can be reached this way.
    """
    from apprise import NotifyFormat, NotifyType

    with _capture_warnings() as lines:
        plugin: Any = getattr(importlib.import_module(f"apprise.plugins.{service.module}"), service.plugin)
        try:
            fields = plugin.parse_native_url(url) if url.startswith("https://") else plugin.parse_url(url)
            instance = plugin(**fields)
        except TypeError:
            return "Apprise cannot read the channel's URL"
        try:
            body = build_body(message, int(instance.body_maxlen))
            kind = NotifyType(_TYPES[message.severity])
            was_sent = instance.notify(body=body, title=to_header_text(message.subject), notify_type=kind, body_format=NotifyFormat.TEXT)
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
        if record.thread == self._thread and record.levelno in _LEVELS:
            self.lines.append(record.getMessage())
