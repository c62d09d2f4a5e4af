"""Sends messages as mail."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any, Final

from adapters.delivery.address_finder import AddressFinder
from adapters.delivery.channels.mail_message import build_mail
from adapters.delivery.channels.smtp_failures import describe_refusals, describe_smtp_failure
from application.ports.delivery.channel_sender import DeliveryFailed
from application.ports.delivery.outgoing_message import OutgoingMessage

if TYPE_CHECKING:
    from aiosmtplib import SMTP

_CONNECT_TIMEOUT: Final = 5.0
_QUIT_TIMEOUT: Final = 2.0


class EmailSender:
    """Sends a mail over a connection to an address that was checked. The certificate is checked for the name."""

    def __init__(self, finder: AddressFinder, timeout: float) -> None:
        self._finder = finder
        self._timeout = timeout
        self._tls: ssl.SSLContext | None = None

    async def send(self, settings: Mapping[str, Any], channel: str, message: OutgoingMessage) -> None:
        """Send the message. Raise DeliveryFailed, AddressForbidden or Unavailable."""
        from aiosmtplib import SMTPException

        host, secrets = settings["host"], [settings["password"]]
        mail = build_mail(settings, channel, message)
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                refused = await self._deliver(settings, mail, limit)
        except (SMTPException, OSError, ValueError) as failure:
            if limit.expired():
                raise DeliveryFailed(
                    f"{host} did not confirm the mail within {self._timeout:g} seconds; it may have arrived.", may_have_arrived=True
                ) from None
            raise describe_smtp_failure(host, failure, secrets) from None
        if refused:
            raise describe_refusals(host, refused, secrets)

    async def _deliver(self, settings: Mapping[str, Any], mail: EmailMessage, limit: asyncio.Timeout) -> Mapping[str, Any]:
        """Return the refused recipients with the replies, if others were accepted."""
        connection = await _connect(await self._finder.find(settings["host"], settings["port"]), settings["port"])
        try:
            client = self._build_client(settings, connection)
            try:
                await client.connect()
                refused, _ = await client.send_message(mail)
                limit.reschedule(None)  # the mail is confirmed, so what follows cannot fail
                await _quit(client)
                return refused
            finally:
                client.close()
        finally:
            connection.close()

    def _build_client(self, settings: Mapping[str, Any], connection: socket.socket) -> SMTP:
        from aiosmtplib import SMTP

        is_encrypted = settings["security"] != "none"
        local = connection.getsockname()[0]
        return SMTP(
            hostname=settings["host"],
            sock=connection,
            username=settings["user"] or None,
            password=settings["password"] or None,
            use_tls=settings["security"] == "tls",
            start_tls=settings["security"] == "starttls",
            tls_context=self._load_tls() if is_encrypted else None,
            local_hostname=f"[IPv6:{local}]" if ":" in local else f"[{local}]",
            timeout=self._timeout,
        )

    def _load_tls(self) -> ssl.SSLContext:
        if self._tls is None:
            import httpx

            self._tls = httpx.create_ssl_context()
        return self._tls


async def _quit(client: SMTP) -> None:
    """Say goodbye. The server has confirmed the mail, so a failure changes nothing."""
    from aiosmtplib import SMTPException

    with contextlib.suppress(SMTPException, OSError):
        async with asyncio.timeout(_QUIT_TIMEOUT):
            await client.quit()


async def _connect(addresses: list[str], port: int) -> socket.socket:
    """Return a connection to the first address that answers. Raise OSError."""
    failure: OSError = OSError("no address")
    for address in addresses:
        connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                await asyncio.get_running_loop().sock_connect(connection, (address, port))
        except OSError as refused:  # TimeoutError is one
            connection.close()
            failure = refused
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise failure
