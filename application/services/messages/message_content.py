"""What a message says, as it is stored: the same for all channels and all tries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self

from application.ports.access.action_tokens import LinkAction
from application.ports.delivery.outgoing_message import MessageLink, Severity

MAX_SUBJECT_LENGTH: Final = 200
MAX_PARAGRAPH_LENGTH: Final = 600
MAX_CODE_LENGTH: Final = 2_000
MAX_CODE_LINES: Final = 20
MAX_ITEM_LENGTH: Final = 240

BlockKind = Literal["paragraph", "code", "heading", "list"]


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the text. A list has `items`, every other kind has a `text`; only code has several lines."""

    kind: BlockKind
    text: str = ""
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MessageContent:
    """The content of a message. `actions` are links with a token, which differs between the deliveries, with their labels."""

    subject: str
    severity: Severity
    blocks: Sequence[Block]
    dedup_key: str
    links: Sequence[MessageLink] = ()
    actions: Sequence[tuple[LinkAction, str]] = ()
    data: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "severity": self.severity,
            "blocks": [{"kind": each.kind, "text": each.text, "items": list(each.items)} for each in self.blocks],
            "dedup_key": self.dedup_key,
            "links": [{"label": each.label, "url": each.url} for each in self.links],
            "actions": [{"action": action.value, "label": label} for action, label in self.actions],
            "data": dict(self.data),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(
            stored["subject"],
            stored["severity"],
            [Block(each["kind"], each["text"], tuple(each["items"])) for each in stored["blocks"]],
            stored["dedup_key"],
            [MessageLink(each["label"], each["url"]) for each in stored["links"]],
            [(LinkAction(each["action"]), each["label"]) for each in stored["actions"]],
            stored["data"],
        )


def paragraph(text: str) -> Block:
    return Block("paragraph", text)


def heading(text: str) -> Block:
    return Block("heading", text)


def code(text: str) -> Block:
    return Block("code", text)


def bullets(items: Sequence[str]) -> Block:
    return Block("list", items=tuple(items))
