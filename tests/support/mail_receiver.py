"""An SMTP server on loopback that receives mail, and misbehaves as a test orders."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import logging
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass(frozen=True)
class ReceivedMail:
    """A mail as the server got it. `encrypted` is True if it came over TLS, `user` is who signed in."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage
    content: bytes
    encrypted: bool
    user: str | None


class MailReceiver:
    """`received` are the mails in the order of their arrival.

    `replies` are the replies to the next DATA commands, such as "451 Try later"; a mail with another reply than 250 is not received.
    `refused` are recipients that get 550. While `dies_after_data` is True, the server takes the mail and closes without a reply. While
    `greets` is False, it accepts connections and says nothing.
    """

    def __init__(
        self, *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, password: tuple[str, str] | None = None
    ) -> None:
        self.received: list[ReceivedMail] = []
        self.replies: list[str] = []
        self.refused: set[str] = set()
        self.dies_after_data = False
        self.greets = True
        self.connections = 0
        self.host = "127.0.0.1"
        self.port = 0
        self._starttls, self._tls, self._password = starttls, tls, password
        self._silent: list[asyncio.BaseTransport] = []
        self._open: list[SMTP] = []
        self._changed = asyncio.Event()
        logging.getLogger("mail.log").setLevel(logging.ERROR)  # it warns about its own next release at each sign-in

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[MailReceiver]:
        """Listen on a free port of loopback."""
        server = await asyncio.get_running_loop().create_server(self._build_protocol, self.host, 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for transport in [*self._silent, *(protocol.transport for protocol in self._open)]:
                if transport is not None:
                    with contextlib.suppress(AttributeError):  # Python 3.11.2: the connection has ended
                        transport.abort()  # type: ignore[attr-defined]
            await asyncio.sleep(0)

    async def wait_for(self, count: int = 1, seconds: float = 30.0) -> list[ReceivedMail]:
        """Return the received mails as soon as there are so many."""
        async with asyncio.timeout(seconds):
            while len(self.received) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.received

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if address in self.refused:
            return "550 No such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        reply = self.replies.pop(0) if self.replies else "250 OK"
        if reply.startswith("250"):
            self._receive(session, envelope)
        if self.dies_after_data and server.transport is not None:
            server.transport.abort()
        return reply

    def _receive(self, session: Session, envelope: Envelope) -> None:
        content = envelope.original_content or b""
        message = email.message_from_bytes(content, policy=email.policy.default)
        is_encrypted = self._tls is not None or session.ssl is not None
        user = session.auth_data if isinstance(session.auth_data, str) else None
        self.received.append(
            ReceivedMail(str(envelope.mail_from), tuple(envelope.rcpt_tos), message, content, is_encrypted, user)  # type: ignore[arg-type]
        )
        self._changed.set()

    def _build_protocol(self) -> asyncio.Protocol:
        self.connections += 1
        if not self.greets:
            return _Silent(self._silent)
        options: dict[str, Any] = {}
        if self._password is not None:
            options = {"authenticator": self._authenticate, "auth_require_tls": False}
        protocol = SMTP(self, hostname="mail.test", tls_context=self._starttls, require_starttls=self._starttls is not None, **options)
        self._open.append(protocol)
        return protocol

    def _authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        is_right = isinstance(given, LoginPassword) and (given.login.decode(), given.password.decode()) == self._password
        return AuthResult(success=is_right, handled=False, auth_data=given.login.decode() if is_right else None)


class _Silent(asyncio.Protocol):
    def __init__(self, transports: list[asyncio.BaseTransport]) -> None:
        self._transports = transports

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transports.append(transport)
