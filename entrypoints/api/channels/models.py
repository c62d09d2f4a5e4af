"""Channels as the API takes and returns them. Settings are never returned."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field

from application.commands.alerts.change_channel import ChannelChange
from application.commands.alerts.create_channel import NewChannel
from application.commands.alerts.test_channel import ChannelTest
from application.queries.views.alerts import ChannelView
from domain.alerts.channel import MAX_CHANNEL_NAME_LENGTH, ChannelKind
from domain.errors import InvalidInput
from entrypoints.api.shared.models import RequestModel, ResponseModel, with_example
from entrypoints.http.base_path import link

Kind = Literal["apprise", "email", "pagerduty", "webhook"]
ChannelName = Annotated[str, Field(min_length=1, max_length=MAX_CHANNEL_NAME_LENGTH, pattern=r"^[a-z0-9-]+$")]
MAX_SETTINGS: Final = 20
_URL: Final = "The only setting of a channel of kind `webhook` or `apprise`; the same as `settings.url`."
_EXAMPLE: Final[dict[str, Any]] = {
    "name": "team-chat",
    "kind": "webhook",
    "summary": "chat.example.com/…",
    "fallback": "ops-mail",
    "drill": True,
    "disabled_at": None,
    "disabled_reason": None,
    "proved_at": "2026-11-26T09:00:04Z",
    "proved_seconds": 4.2,
    "created_at": "2026-11-01T08:00:00Z",
    "created_by": "ada",
    "waiting": 0,
    "dead": 0,
    "used_by": {"pipelines": ["nightly-warehouse"], "rules": ["on-call"], "channels": []},
    "links": {"self": "/channels/team-chat", "test": "/channels/team-chat/test", "page": "/ui/channels/team-chat"},
}


class ChannelRequest(RequestModel):
    """The part that new and changed channels share."""

    url: str | None = Field(None, max_length=4_096, description=_URL)
    settings: dict[str, Any] | None = Field(
        None,
        max_length=MAX_SETTINGS,
        description="By kind. `webhook` and `apprise`: `url`. `pagerduty`: `routing_key`, `region`. `email`: `host`, `port`,"
        " `security` (`starttls`, `tls` or `none`), `user`, `password`, `from`, `to` (a list).",
    )
    fallback: ChannelName | None = Field(None, description="The channel that gets the messages that this one could not deliver.")
    drill: bool = Field(False, description="Send a test message each week, which a recipient confirms.")

    @contextmanager
    def naming_given_fields(self) -> Iterator[None]:
        """Name `url` in place of `settings.url` in the problems of a body that gives its settings so."""
        try:
            yield
        except InvalidInput as error:
            if self.url is None:
                raise
            raise InvalidInput([replace(each, field="url") if each.field == "settings.url" else each for each in error.problems]) from None

    def get_settings(self) -> dict[str, Any] | None:
        """Return the settings; None if there are none. Raises InvalidInput if both `url` and `settings` are given."""
        if self.url is not None and self.settings is not None:
            raise InvalidInput.for_field("url", "cannot be combined with settings")
        return {"url": self.url} if self.url is not None else self.settings


class NewChannelRequest(ChannelRequest):
    """A channel to create."""

    model_config = with_example(
        {"name": "team-chat", "kind": "webhook", "url": "https://chat.example.com/hooks/T1", "fallback": "ops-mail"}
    )

    name: ChannelName = Field(description="Rules refer to it by this name.")
    kind: Kind

    def to_command(self) -> NewChannel:
        """Return the command's input. Raises InvalidInput if no settings are given."""
        settings = self.get_settings()
        if settings is None:
            raise InvalidInput.for_field("settings", "is required, or url")
        return NewChannel(self.name, ChannelKind(self.kind), settings, self.fallback, self.drill)


class ChangeChannelRequest(ChannelRequest):
    """The new content of a channel. Omitted settings do not change."""

    model_config = with_example({"settings": {"url": "https://chat.example.com/hooks/T2"}, "fallback": "ops-mail", "drill": True})

    kind: Kind | None = Field(None, description="The channel's present kind: it cannot change.")
    disabled: bool | None = Field(None, description="Whether it gets no more messages. Unchanged if omitted; new settings enable it.")

    def to_command(self) -> ChannelChange:
        """Return the command's input."""
        kind = ChannelKind(self.kind) if self.kind else None
        return ChannelChange(self.get_settings(), self.fallback, self.drill, self.disabled, kind)


class ChannelUsesResponse(ResponseModel):
    """What refers to a channel."""

    pipelines: list[str] = Field(description="Pipelines whose rules send to it.")
    rules: list[str] = Field(description="Site-wide rules that send to it.")
    channels: list[str] = Field(description="Channels that fall back to it.")


class ChannelResponse(ResponseModel):
    """A channel. Its settings, such as the address of a webhook, are never returned."""

    model_config = with_example(_EXAMPLE)

    name: str
    kind: Kind
    summary: str = Field(description="Where it sends, with all secrets masked.")
    fallback: str | None
    drill: bool
    disabled_at: datetime | None
    disabled_reason: str | None
    proved_at: datetime | None = Field(description="When a recipient last confirmed a test message.")
    proved_seconds: float | None = Field(description="The time between sending and confirmation of that message.")
    created_at: datetime
    created_by: str | None
    waiting: int = Field(description="Deliveries that are waiting to be sent.")
    dead: int = Field(description="Deliveries that failed for good.")
    used_by: ChannelUsesResponse
    links: dict[str, str]

    @classmethod
    def from_view(cls, view: ChannelView) -> Self:
        """Build the response of a channel."""
        return cls(**_get_fields(view))


class SavedChannelResponse(ChannelResponse):
    """A channel that was created or changed."""

    model_config = with_example({**_EXAMPLE, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})

    secret: str | None = Field(
        description="The secret with which a webhook's messages are signed, if it was generated now; shown only once."
    )

    @classmethod
    def from_saved(cls, view: ChannelView, secret: str | None) -> Self:
        """Build the response of a saved channel."""
        return cls(**_get_fields(view), secret=secret)


class ChannelTestResponse(ResponseModel):
    """The result of a test message."""

    model_config = with_example({"channel": "team-chat", "delivery_id": 31, "state": "sent", "seconds": 0.4, "error": None})

    channel: str
    delivery_id: int
    state: Literal["scheduled", "sent", "dead", "dropped"] = Field(description="`scheduled`: not delivered after 20 seconds.")
    seconds: float | None = Field(description="The time it took to send the message.")
    error: str | None = Field(description="Why it was not delivered.")

    @classmethod
    def from_test(cls, channel: str, test: ChannelTest) -> Self:
        """Build the response of a test."""
        return cls(channel=channel, delivery_id=test.delivery_id, state=test.state.value, seconds=test.seconds, error=test.error)


def _get_fields(view: ChannelView) -> dict[str, Any]:
    own = link(f"/channels/{view.name}")
    uses = view.used_by
    names = [name for name in ChannelResponse.model_fields if name not in ("used_by", "links")]
    return {
        **{name: getattr(view, name) for name in names},
        "used_by": ChannelUsesResponse(pipelines=list(uses.pipelines), rules=list(uses.rules), channels=list(uses.channels)),
        "links": {"self": own, "test": f"{own}/test", "page": link(f"/ui/channels/{view.name}")},
    }
