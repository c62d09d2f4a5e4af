"""Composes the content of a message when it is sent for the first time."""

from collections.abc import Callable, Sequence

from application.ports.access.action_tokens import LinkAction
from application.ports.delivery.outgoing_message import MessageLink, Severity
from application.ports.delivery.page_urls import PageUrls
from application.ports.persistence.deliveries import StoredMessage
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.queries.reader import Reader
from application.ports.system.clock import Clock
from application.services.alerts.message_facts import MessageFacts
from application.services.messages.incident_wording import word_escalation, word_opening, word_recovery, word_reminder, word_unstable
from application.services.messages.message_content import Block, MessageContent
from application.services.messages.message_data import build_data, get_log_url
from application.services.messages.other_wording import (
    MAX_LISTED,
    Names,
    word_channel_opening,
    word_channel_recovery,
    word_digest,
    word_group,
    word_group_recovery,
    word_notice,
    word_test,
)
from application.services.messages.run_story import RunStory, load_run_story
from application.services.messages.words import write, write_subject
from domain.alerts.incident import Incident, IncidentKind
from domain.alerts.message import MessageKind
from domain.alerts.rule import AlertEvent
from domain.errors import Unavailable
from domain.runs.status import Status

ReportError = Callable[[str, Exception], None]
CRITICAL_EVENTS = frozenset({AlertEvent.FAILED, AlertEvent.LOST, AlertEvent.MISSED})
RETRYABLE_STATUSES = frozenset({Status.FAILED, Status.LOST, Status.CANCELLED})
RETRYABLE_EVENTS = frozenset({AlertEvent.FAILED, AlertEvent.LOST, AlertEvent.CANCELLED})
UNSTABLE_RUNS = 10
_Wording = tuple[str, list[Block], RunStory | None]


class MessageComposer:
    """Reads what a message says outside of any transaction. A message that cannot be composed still says what is known without reading."""

    def __init__(
        self,
        open_unit_of_work: OpenUnitOfWork,
        reader: Reader,
        page_urls: PageUrls,
        clock: Clock,
        installation: str,
        report_error: ReportError,
    ) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._reader = reader
        self._page_urls = page_urls
        self._clock = clock
        self._installation = installation
        self._report_error = report_error

    async def compose(self, message: StoredMessage, facts: MessageFacts, incident: Incident | None) -> MessageContent:
        """Return the content. Raises Unavailable."""
        try:
            subject, blocks, story = await self._word(message, facts, incident)
        except Unavailable:
            raise
        except Exception as error:  # no defect in the wording may lose an alert
            self._report_error(type(self).__name__, error)
            subject, story = write_subject(str(message.content["subject"])), None
            blocks = [write(f"{subject}."), write("Headgate could not add details to this message.")]
        return MessageContent(
            subject,
            _get_severity(message.kind, incident, facts),
            blocks,
            self._get_dedup_key(message, incident),
            self._list_links(message, incident, story),
            _list_actions(message.kind, incident, story),
            build_data(message, facts, incident, story, self._page_urls),
        )

    async def _word(self, message: StoredMessage, facts: MessageFacts, incident: Incident | None) -> _Wording:
        if incident is not None and incident.kind is IncidentKind.CHANNEL:
            word = word_channel_recovery if message.kind is MessageKind.RECOVERED else word_channel_opening
            return *word(facts, incident), None
        if incident is not None and incident.is_first_of_group:
            return await self._word_group(message.kind, incident, facts)
        if incident is not None:
            return await self._word_incident(message, facts, incident)
        return await self._word_other(message.kind, facts)

    async def _word_incident(self, message: StoredMessage, facts: MessageFacts, incident: Incident) -> _Wording:
        now = self._clock.now()
        if message.kind is MessageKind.RECOVERED:
            run = await self._reader.run(facts.run_id) if facts.run_id is not None else None
            is_good = run is not None and run.status is Status.COMPLETED
            return *word_recovery(facts, incident, run if is_good else None), None
        if message.kind is MessageKind.UNSTABLE:
            runs = await self._reader.runs(pipeline_id=message.pipeline_id, status=None, skip=0, limit=UNSTABLE_RUNS)
            return *word_unstable(facts, incident, runs), None
        is_first = message.kind is MessageKind.OPENED
        story = await load_run_story(self._reader, facts.run_id if is_first else incident.last_run_id)
        match message.kind:
            case MessageKind.ESCALATED:
                return *word_escalation(facts, incident, story, now), story
            case MessageKind.REMINDER:
                return *word_reminder(facts, incident, story, now), story
        return *word_opening(facts, incident, story), story

    async def _word_group(self, kind: MessageKind, first: Incident, facts: MessageFacts) -> _Wording:
        async with self._open_unit_of_work() as work:
            members = await work.incidents.list_group(first.id, MAX_LISTED)
            total = (await work.incidents.count_group(first.id)).total
        if kind is MessageKind.RECOVERED:
            return *word_group_recovery(first, total), None
        subject, blocks = word_group(members, total, await self._load_names(members))
        if kind is MessageKind.GROUPED:
            return subject, blocks, None
        return write_subject("Still open:", subject), blocks, None

    async def _word_other(self, kind: MessageKind, facts: MessageFacts) -> _Wording:
        if kind in (MessageKind.TEST, MessageKind.DRILL):
            return *word_test(facts, is_drill=kind is MessageKind.DRILL), None
        if kind is MessageKind.DIGEST:
            async with self._open_unit_of_work() as work:
                found = await work.incidents.find(facts.incident_ids)
            incidents = [found[id] for id in facts.incident_ids if id in found]
            return *word_digest(incidents, facts.count, await self._load_names(incidents)), None
        run = await self._reader.run(facts.run_id) if facts.run_id is not None else None
        earlier = None
        if run is not None:
            before = await self._reader.runs(pipeline_id=run.pipeline_id, status=None, skip=0, limit=1, below=run.id)
            earlier = next(iter(before), None)
        return *word_notice(facts, run, earlier), RunStory(run) if run else None

    async def _load_names(self, incidents: Sequence[Incident]) -> Names:
        ids = sorted({each.pipeline_id for each in incidents if each.pipeline_id is not None})
        return {each.id: each.name for each in await self._reader.get_pipelines_by_id(ids)} if ids else {}

    def _get_dedup_key(self, message: StoredMessage, incident: Incident | None) -> str:
        """Return the same key for all messages about an incident, so that a pager closes what it opened."""
        return f"headgate-{self._installation}-incident-{incident.id}" if incident else message.id

    def _list_links(self, message: StoredMessage, incident: Incident | None, story: RunStory | None) -> list[MessageLink]:
        links = []
        urls = self._page_urls
        if story is not None:
            links.append(MessageLink(story.run.name, urls.run(story.run.id)))
            if log_url := get_log_url(story, urls):
                links.append(MessageLink(f"Log line {story.line:,}", log_url))
            if story.stage is not None and story.last_good is not None:
                compared = urls.comparison(story.last_good.id, story.run.id)
                links.append(MessageLink(f"Compare with {story.last_good.name}", compared))
        if incident is not None:
            links.append(MessageLink("Incident", urls.incident(incident.id)))
        elif message.kind is MessageKind.DIGEST:
            links.append(MessageLink("Incidents", urls.incidents()))
        elif message.kind in (MessageKind.TEST, MessageKind.DRILL):
            links.append(MessageLink("Channels", urls.channels()))
        return links


def _get_severity(kind: MessageKind, incident: Incident | None, facts: MessageFacts) -> Severity:
    if kind is MessageKind.RECOVERED:
        return "resolved"
    if incident is None:
        return "info"
    if incident.kind is IncidentKind.CHANNEL or incident.event in CRITICAL_EVENTS:
        return "critical"
    return "warning"


def _list_actions(kind: MessageKind, incident: Incident | None, story: RunStory | None) -> list[tuple[LinkAction, str]]:
    if kind in (MessageKind.TEST, MessageKind.DRILL):
        return [(LinkAction.CONFIRM, "Confirm receipt")]
    if incident is None or incident.is_resolved or kind is MessageKind.RECOVERED:
        return []
    is_group = incident.is_first_of_group
    actions = [(LinkAction.ACKNOWLEDGE, "Acknowledge all" if is_group else "Acknowledge")]
    if story is not None and incident.event in RETRYABLE_EVENTS and story.run.status in RETRYABLE_STATUSES:
        actions.append((LinkAction.RETRY, f"Retry {story.run.name}"))
    return actions
