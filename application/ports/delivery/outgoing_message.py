"""Alert messages as senders get them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from domain.alerts.message import MessageKind

Severity = Literal["critical", "warning", "info", "resolved"]


@dataclass(frozen=True, slots=True)
class MessageLink:
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message, complete for every kind of channel.

    `id` is the same in every try. `dedup_key` is that of the incident: messages with the same one belong together. `text` and `html` say
    the same, without the links. `data` is JSON: the incident, the run, the pipeline and their URLs.
    """

    id: str
    dedup_key: str
    kind: MessageKind
    severity: Severity
    subject: str
    text: str
    html: str
    at: datetime
    links: tuple[MessageLink, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
