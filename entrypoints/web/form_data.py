"""Reading of posted form fields."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from fastapi import Request

from domain.errors import InvalidInput
from domain.text_validation import find_text_problem
from entrypoints.http.large_bodies import parse_body

FormData = Mapping[str, Sequence[str]]
MAX_FIELDS = 2_000
MAX_FORM_BYTES = 1_048_576
MAX_COMMENT_LENGTH = 2_000


async def parse_form(request: Request) -> FormData:
    """Return the posted fields, each with all its values. Raise InvalidInput if the body is too long or not a form in UTF-8."""
    body = await request.body()
    if len(body) > MAX_FORM_BYTES:
        raise InvalidInput.for_field("form", "must be at most 1 MiB long")
    try:
        return await parse_body(_parse_fields, body)
    except ValueError:
        raise InvalidInput.for_field("form", "must be form fields in UTF-8") from None


def _parse_fields(body: bytes) -> FormData:
    return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")


async def parse_flat_form(request: Request) -> dict[str, str]:
    """Return the posted fields, each with its last value. Raise InvalidInput as `parse_form` does."""
    return get_last_values(await parse_form(request))


def get_last_values(form: FormData) -> dict[str, str]:
    """Return the last value of each field."""
    return {key: values[-1] for key, values in form.items()}


def get_text(form: FormData, key: str) -> str:
    """Return a field's first value, stripped and without NUL characters; empty if it is missing. The field's own rule bounds its length."""
    return next(iter(form.get(key, ())), "").replace("\0", "").strip()


def get_comment(form: FormData, key: str, field: str = "comment") -> str:
    """Return a text that is stored as it is. Raise InvalidInput, with the name of the field, if it is too long."""
    text = get_text(form, key)
    if problem := find_text_problem(text, MAX_COMMENT_LENGTH):
        raise InvalidInput.for_field(field, problem)
    return text
