"""Describe failures of mail deliveries in sentences."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from typing import Any, Final

from adapters.delivery.channels.reasons import clean_text
from application.ports.delivery.channel_sender import DeliveryFailed

_PERMANENT: Final = range(500, 600)


def describe_smtp_failure(host: str, failure: Exception, secrets: Iterable[str]) -> DeliveryFailed:
    """Return why the server did not take the mail. A reply that begins with 5 is permanent."""
    from aiosmtplib import (
        SMTPAuthenticationError,
        SMTPConnectError,
        SMTPRecipientsRefused,
        SMTPResponseException,
        SMTPServerDisconnected,
    )

    tls = failure if isinstance(failure, ssl.SSLError) else failure.__cause__
    if isinstance(tls, ssl.SSLCertVerificationError):
        return DeliveryFailed(f"The certificate of {host} is not valid: {tls.verify_message.rstrip('.')}.")
    if isinstance(tls, ssl.SSLError):
        return DeliveryFailed(f"TLS connection to {host} failed: {tls.reason or type(tls).__name__}.")
    if isinstance(failure, SMTPRecipientsRefused):
        refused = {each.recipient: (each.code, each.message) for each in failure.recipients}
        return describe_refusals(host, refused, secrets, are_all=True)
    if isinstance(failure, SMTPResponseException):
        action = "rejected the user and password" if isinstance(failure, SMTPAuthenticationError) else "rejected the mail"
        reply = clean_text(f"{failure.code} {failure.message}", secrets)
        return DeliveryFailed(f"{host} {action}: {reply.rstrip('.')}.", is_permanent=failure.code in _PERMANENT)
    if isinstance(failure, SMTPServerDisconnected | ConnectionResetError | BrokenPipeError):
        return DeliveryFailed(f"{host} closed the connection before it confirmed the mail, which may have arrived.", may_have_arrived=True)
    if isinstance(failure, ConnectionRefusedError):
        return DeliveryFailed(f"{host} refused the connection.")
    if isinstance(failure, SMTPConnectError) and isinstance(failure.__cause__, SMTPServerDisconnected):
        return DeliveryFailed(f"{host} closed the connection at once.")
    if isinstance(failure, TimeoutError):
        return DeliveryFailed(f"{host} did not respond in time.", may_have_arrived=True)
    if isinstance(failure, OSError):
        return DeliveryFailed(f"Could not reach {host}.")
    return DeliveryFailed(f"{host} rejected the mail: {clean_text(str(failure), secrets).rstrip('.')}.")


def describe_refusals(host: str, refused: Mapping[str, Any], secrets: Iterable[str], *, are_all: bool = False) -> DeliveryFailed:
    """Return which recipients the server refused, with its first reply.

    If others have got the mail, it is not sent again, since they would get it twice.
    """
    (first, reply), *others = refused.items()
    more = f" and {len(others)} more" if others else ""
    said = clean_text(f"{reply[0]} {reply[1]}", secrets).rstrip(".")
    rest = "" if are_all else " The other recipients got the mail."
    return DeliveryFailed(f"{host} rejected {first}{more}: {said}.{rest}", is_permanent=not are_all or reply[0] in _PERMANENT)
