"""The confirmation page of a link in a message."""

from dataclasses import dataclass
from typing import Final

from application.ports.access.action_tokens import LinkAction
from application.queries.alerts.describe_link import LinkState, LinkView

_TITLES: Final = {
    LinkAction.ACKNOWLEDGE: "Acknowledge the incident?",
    LinkAction.RETRY: "Retry the run?",
    LinkAction.CONFIRM: "Confirm receipt of the test message?",
}
_BUTTONS: Final = {LinkAction.ACKNOWLEDGE: "Acknowledge", LinkAction.RETRY: "Retry", LinkAction.CONFIRM: "Confirm"}
_CONSEQUENCES: Final = {
    LinkAction.ACKNOWLEDGE: "Reminders and escalations stop. The incident resolves with the next good run.",
    LinkAction.RETRY: "Completed stages are kept. Failed, lost or cancelled stages run again, then the stages they blocked.",
    LinkAction.CONFIRM: "The channel then counts as proved.",
}
_REFUSALS: Final = {
    LinkState.USED: ("This link was used", "Each link in a message works once."),
    LinkState.EXPIRED: ("This link has expired", "Sign in and use the incident’s page instead."),
    LinkState.UNKNOWN: ("This link is not valid", "It may be incomplete. Copy the whole URL from the message."),
}


@dataclass(frozen=True, slots=True)
class LinkPage:
    """What a link would do, did, or why it does nothing. `button` is empty unless a POST acts."""

    title: str
    subject: str
    text: str
    button: str
    href: str


def build_link_page(link: LinkView) -> LinkPage:
    """Return the page of a link that a person has opened."""
    if link.state is not LinkState.VALID or link.action is None:
        title, text = _REFUSALS[link.state]
        return LinkPage(title, link.subject or "", text, "", _get_href(link))
    return LinkPage(_TITLES[link.action], link.subject or "", _CONSEQUENCES[link.action], _BUTTONS[link.action], _get_href(link))


def build_link_result(link: LinkView) -> LinkPage:
    """Return the page after a link was used."""
    return LinkPage("Done", link.subject or "", link.result or "", "", _get_href(link))


def _get_href(link: LinkView) -> str:
    if link.incident_id is not None:
        return f"/ui/incidents/{link.incident_id}"
    if link.run_id is not None:
        return f"/ui/runs/{link.run_id}"
    return f"/ui/channels/{link.channel}" if link.channel else ""
