"""The facts of a message for programs, as JSON."""

from datetime import datetime
from typing import Any

from application.ports.delivery.page_urls import PageUrls
from application.ports.persistence.deliveries import StoredMessage
from application.services.alerts.message_facts import MessageFacts
from application.services.messages.plain_text import clean_line, find_error_line
from application.services.messages.run_story import RunStory
from domain.alerts.incident import Incident

MAX_ERROR_LENGTH = 500


def build_data(
    message: StoredMessage, facts: MessageFacts, incident: Incident | None, story: RunStory | None, urls: PageUrls
) -> dict[str, Any]:
    """Return incident, pipeline and run with their URLs. What the message is not about is left out."""
    parts = {
        "incident": _build_incident(incident, facts, urls) if incident else None,
        "pipeline": _build_pipeline(message.pipeline_id, facts, urls) if message.pipeline_id is not None else None,
        "run": _build_run(story, urls) if story else None,
    }
    return {"event": facts.event.value if facts.event else None} | {name: part for name, part in parts.items() if part is not None}


def _build_incident(incident: Incident, facts: MessageFacts, urls: PageUrls) -> dict[str, Any]:
    return {
        "id": incident.id,
        "kind": incident.kind.value,
        "state": incident.state.value,
        "summary": clean_line(incident.summary, MAX_ERROR_LENGTH),
        "rule": incident.rule_key,
        "concurrency_key": incident.concurrency_key,
        "channel": facts.channel,
        "repeats": incident.repeats,
        "unstable": incident.unstable,
        "opened_at": _format(incident.opened_at),
        "resolved_at": _format(incident.resolved_at),
        "resolution": incident.resolution.value if incident.resolution else None,
        "url": urls.incident(incident.id),
    }


def _build_pipeline(pipeline_id: int, facts: MessageFacts, urls: PageUrls) -> dict[str, Any]:
    return {"id": pipeline_id, "name": facts.pipeline, "tags": list(facts.tags), "url": urls.pipeline(pipeline_id)}


def get_log_url(story: RunStory, urls: PageUrls) -> str | None:
    """Return the URL of the error in the log of the attempt that failed."""
    if story.stage is None or story.line is None:
        return None
    return urls.log_line(story.run.id, story.stage.name, story.stage.newest.number, story.line)


def _build_run(story: RunStory, urls: PageUrls) -> dict[str, Any]:
    error = story.stage.newest.error_message if story.stage else None
    return {
        "id": story.run.id,
        "number": story.run.number,
        "status": story.run.status.value,
        "stage": story.stage.name if story.stage else None,
        "error": find_error_line(error, MAX_ERROR_LENGTH) if error else None,
        "started_at": _format(story.run.started_at),
        "finished_at": _format(story.run.finished_at),
        "url": urls.run(story.run.id),
        "log_url": get_log_url(story, urls),
    }


def _format(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None
