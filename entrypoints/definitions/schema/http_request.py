"""JSON Schema of the keys of a stage of kind `http`."""

from collections.abc import Iterable

from domain.pipelines.http_request import (
    DEFAULT_EXPECTED,
    DEFAULT_MAX_BYTES,
    FIRST_STATUS,
    HEADER_NAME,
    HEADER_TEXT,
    HOST,
    LAST_STATUS,
    MAX_ENTRIES,
    MAX_QUERY_NAME_LENGTH,
    MAX_QUERY_VALUE_LENGTH,
    MAX_RESPONSE_BYTES,
    MAX_URL_LENGTH,
    METHODS,
    RESERVED_HEADERS,
    SECRET_NAME,
)
from entrypoints.definitions.schema.values import Schema, build_text, or_null

_PATH = r"[/?][!-\"$-\[\]-~]*"
_TEXT: Schema = {"type": "string", "pattern": f"^{HEADER_TEXT.pattern}$"}
_REFERENCE: Schema = {
    "type": "object",
    "required": ["parameter"],
    "additionalProperties": False,
    "properties": {"parameter": {"type": "string"}},
}
_SECRET: Schema = {
    "type": "object",
    "required": ["secret"],
    "additionalProperties": False,
    "properties": {"secret": {"type": "string", "pattern": f"^{SECRET_NAME.pattern}$"}, "prefix": _TEXT},
}


def _in_any_case(words: Iterable[str]) -> str:
    """Return a pattern of the words in upper or lower case: patterns of JSON Schema have no flags."""
    return "|".join("".join(f"[{letter.upper()}{letter}]" if letter.isalpha() else letter for letter in word) for word in sorted(words))


HTTP_REQUEST: dict[str, Schema] = {
    "url": {
        "type": "string",
        "maxLength": MAX_URL_LENGTH,
        "pattern": f"^(?:{_in_any_case(['http', 'https'])})://{HOST.pattern}(?:{_PATH})?#?$",
        "description": "The URL of the request, on a public address, without a user and a fragment. Redirects are checked in the same way.",
        "examples": ["https://shop.example/orders"],
    },
    "method": {"type": "string", "enum": list(METHODS), "default": METHODS[0], "description": "The method of the request."},
    "query": or_null(
        {
            "type": "object",
            "maxProperties": MAX_ENTRIES,
            "propertyNames": build_text(MAX_QUERY_NAME_LENGTH),
            "additionalProperties": {
                "anyOf": [build_text(MAX_QUERY_VALUE_LENGTH), {"type": "number"}, {"type": "boolean"}, _REFERENCE],
            },
        },
        "The query of the URL: texts, numbers, or `{parameter: NAME}` for a parameter of the run.",
        examples=[{"day": {"parameter": "day"}, "limit": 100}],
    ),
    "headers": or_null(
        {
            "type": "object",
            "maxProperties": MAX_ENTRIES,
            "propertyNames": {"pattern": f"^(?!(?:{_in_any_case(RESERVED_HEADERS)})$){HEADER_NAME.pattern}$"},
            "additionalProperties": {"anyOf": [_TEXT, _SECRET]},
        },
        'Headers: texts, or `{secret: NAME, prefix: "Bearer "}` for a secret of the worker.',
        examples=[{"Authorization": {"secret": "SHOP_TOKEN", "prefix": "Bearer "}}],
    ),
    "body": {
        "description": "The body: a text, or a value that is sent as JSON, in which `{parameter: NAME}` stands for a parameter of the run.",
        "examples": [{"day": {"parameter": "day"}}],
    },
    "expected": {
        "type": "array",
        "minItems": 1,
        "items": {"type": "integer", "minimum": FIRST_STATUS, "maximum": LAST_STATUS},
        "default": list(DEFAULT_EXPECTED),
        "description": "The statuses with which the request succeeds.",
        "examples": [[200]],
    },
    "max_bytes": {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_RESPONSE_BYTES,
        "default": DEFAULT_MAX_BYTES,
        "description": "The largest response body in bytes. A longer one fails the attempt.",
    },
}
