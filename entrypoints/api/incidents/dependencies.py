"""The incident that a path names."""

from typing import Annotated

from fastapi import Depends, Path

from domain.errors import NotFound
from entrypoints.http.ids import parse_id

IncidentPath = Annotated[str, Path(description="The incident's id.")]


async def _get_incident_id(incident_id: IncidentPath) -> int:
    number = parse_id(incident_id)
    if number is None:
        raise NotFound("incident", incident_id)
    return number


IncidentId = Annotated[int, Depends(_get_incident_id)]
