"""A page of runs, of one pipeline or of all."""

from application.ports.readers import Reader
from application.queries.surroundings import why_it_ended
from domain.errors import InvalidInput
from domain.status import Status
from entrypoints.api.presenters import Json, run_json


async def run_list(reads: Reader, pipeline_id: int | None, status: str | None, skip: int, limit: int) -> Json:
    """Newest first; `why` only for runs that are over, which needs no further question."""
    runs = await reads.runs(pipeline_id=pipeline_id, status=_status(status), skip=skip, limit=limit)
    return Json([run_json(run, why_it_ended(run)) for run in runs])


def _status(word: str | None) -> Status | None:
    try:
        return Status(word) if word is not None else None
    except ValueError:
        raise InvalidInput.of("status", "is one of " + ", ".join(Status)) from None
