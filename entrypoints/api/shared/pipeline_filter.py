"""The pipeline that a list is restricted to."""

from application.ports.queries.reader import Reader
from domain.errors import NotFound
from entrypoints.http.ids import parse_id


async def find_pipeline_id(reader: Reader, pipeline: str | None) -> int | None:
    """Return the id of a pipeline given by id or name; None if none is given. Raises NotFound."""
    if pipeline is None:
        return None
    number = parse_id(pipeline)
    found = await reader.pipeline(pipeline if number is None else number)
    if found is None:
        raise NotFound("pipeline", pipeline)
    return found.id
