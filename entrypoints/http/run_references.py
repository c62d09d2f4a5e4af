"""Runs as paths, forms and searches name them: by id, or by name such as `etl#12`."""

from application.ports.queries.reader import Reader
from domain.runs.run_name import parse_run_name
from entrypoints.http.ids import parse_id


async def find_run_id(reader: Reader, text: str) -> int | None:
    """Return the id that the text is, or the id of the run that it names. Only a name costs a query. Raises Unavailable."""
    number = parse_id(text)
    if number is not None:
        return number
    name = parse_run_name(text)
    return None if name is None else await reader.find_run_id(name)
