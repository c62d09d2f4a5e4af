"""The forms that create and change a channel. They have the fields of its kind, and work without scripts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from application.queries.views.alerts import ChannelView
from domain.alerts.channel import ChannelKind
from domain.errors import FieldProblem
from entrypoints.http.ids import parse_id


@dataclass(frozen=True, slots=True)
class ChannelField:
    """A field of a channel's settings. `type` is that of the input; a password is never shown again."""

    name: str
    label: str
    hint: str = ""
    type: str = "text"
    is_required: bool = False
    choices: Sequence[tuple[str, str]] = ()


_SECURITY: Final = (("starttls", "STARTTLS"), ("tls", "TLS from the start"), ("none", "None (plain text)"))
_REGIONS: Final = (("us", "US"), ("eu", "EU"))
FIELDS: Final[Mapping[ChannelKind, Sequence[ChannelField]]] = {
    ChannelKind.WEBHOOK: (ChannelField("url", "Address", "https://… it is not shown again", "text", True),),
    ChannelKind.EMAIL: (
        ChannelField("host", "SMTP server", "such as smtp.example.org", "text", True),
        ChannelField("port", "Port", "blank for the usual one", "number"),
        ChannelField("security", "Encryption", choices=_SECURITY),
        ChannelField("user", "User", "blank without sign-in"),
        ChannelField("password", "Password", "", "password"),
        ChannelField("from", "From", "the sender’s address", "text", True),
        ChannelField("to", "To", "addresses, separated by commas", "text", True),
    ),
    ChannelKind.PAGERDUTY: (
        ChannelField("routing_key", "Integration key", "of the service, 32 characters; it is not shown again", "text", True),
        ChannelField("region", "Region", choices=_REGIONS),
    ),
    ChannelKind.APPRISE: (ChannelField("url", "Address", "such as slack://… it is not shown again", "text", True),),
}


@dataclass(frozen=True, slots=True)
class ChannelForm:
    """The texts of the fields, and the problems by field. `is_new` is False for the form that changes a channel."""

    kind: ChannelKind
    texts: Mapping[str, str]
    is_new: bool = True
    drill: bool = False
    disabled: bool = False
    errors: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[str] = ()

    @classmethod
    def create(cls, kind: ChannelKind) -> Self:
        """Return the form of a new channel before anything was entered."""
        return cls(kind, _blank(kind))

    @classmethod
    def edit(cls, channel: ChannelView) -> Self:
        """Return the form that changes a channel. Its settings are blank, which keeps them."""
        texts = {**_blank(channel.kind), "name": channel.name, "fallback": channel.fallback or ""}
        return cls(channel.kind, texts, False, channel.drill, channel.disabled_at is not None)

    def parse(self, posted: Mapping[str, str]) -> "ChannelForm":
        """Return the form as it was posted. A channel that exists keeps its name."""
        names = [name for name in self.texts if self.is_new or name != "name"]
        texts = {name: posted.get(name, "").replace("\0", "").strip() for name in names}
        return replace(self, texts={**self.texts, **texts}, drill="drill" in posted, disabled="disabled" in posted)

    @property
    def fields(self) -> Sequence[ChannelField]:
        return FIELDS[self.kind]

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that were entered, as the commands take them."""
        found: dict[str, Any] = {each.name: self.texts[each.name] for each in self.fields if self.texts[each.name]}
        if "to" in found:
            found["to"] = [address.strip() for address in found["to"].split(",") if address.strip()]
        if (port := parse_id(found.get("port", ""))) is not None:
            found["port"] = port
        return found

    def with_problems(self, problems: Sequence[FieldProblem]) -> "ChannelForm":
        """Return the form with each problem at its field. Problems of no field are sentences above."""
        errors: dict[str, str] = {}
        rest = []
        labels = {"name": "Name", "fallback": "Fallback", **{each.name: each.label for each in self.fields}}
        for problem in problems:
            name = problem.field.removeprefix("settings.").partition("[")[0]
            if name in labels and name not in errors:
                errors[name] = f"{labels[name]} {problem.message}"
            else:
                rest.append(f"{problem.field.capitalize()} {problem.message}.")
        return replace(self, errors=errors, problems=rest)

    def with_sentence(self, sentence: str) -> "ChannelForm":
        """Return the form with a sentence above its fields."""
        return replace(self, errors={}, problems=[sentence])


def _blank(kind: ChannelKind) -> dict[str, str]:
    return dict.fromkeys(["name", "fallback", *(each.name for each in FIELDS[kind])], "")
