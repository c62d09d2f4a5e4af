"""Definitions in request bodies: JSON values, or YAML whose text is stored as it is written."""

import asyncio
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import Response

from domain.errors import InvalidInput
from domain.pipelines.revision_origin import normalize_source
from entrypoints.api.shared.routing import ConditionalRoute, Handler, ParsedRequest
from entrypoints.definitions.text_positions import add_lines
from entrypoints.definitions.yaml_reader import InvalidDefinitionText, parse_definition
from entrypoints.http.body_types import YAML_TYPES
from entrypoints.http.large_bodies import parse_body
from entrypoints.http.middleware.body_limit import get_body
from entrypoints.text_decoding import InvalidEncoding, decode_text

_EXAMPLE = """\
# Loads the flights of the day.
name: flights
stages:
  - name: extract
    command: [python, extract.py]
  - name: load
    command: psql -f load.sql | tee load.log
    shell: true
"""
YAML_BODY = {
    "requestBody": {
        "content": {
            YAML_TYPES[0]: {
                "schema": {"type": "string", "description": "The definition as YAML. Its text is stored with its comments."},
                "example": _EXAMPLE,
            }
        }
    }
}
"""OpenAPI's description of a YAML body."""


class DefinitionRoute(ConditionalRoute):
    """A route that takes a definition as JSON or as YAML. Problems of a YAML body have the lines of their fields."""

    async def handle_yaml(self, request: Request, handle: Handler) -> Response:
        text, definition = await parse_body(_parse, await get_body(request))
        request.state.definition_source = text
        try:
            return await handle(ParsedRequest(request, definition))
        except InvalidInput as error:
            raise InvalidInput(await asyncio.to_thread(add_lines, text, error.problems)) from error


def _parse(body: bytes) -> tuple[str, dict[str, Any]]:
    """Return the text and its definition. Raise InvalidInput as `headgate apply` and the editor refuse it."""
    try:
        text = normalize_source(decode_text(body))
        return text, parse_definition(text)
    except InvalidEncoding as error:
        raise InvalidInput.for_field("", str(error)) from error
    except InvalidDefinitionText as error:
        raise InvalidInput([error.problem]) from error


async def _get_source(request: Request) -> str | None:
    source: str | None = getattr(request.state, "definition_source", None)
    return source


SourceDep = Annotated[str | None, Depends(_get_source)]
"""The text of a YAML body; None for JSON."""
