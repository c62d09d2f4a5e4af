"""The media types of request bodies."""

import re
from functools import lru_cache
from typing import Final

JSON_AND_FORMS: Final = frozenset({"application/json", "text/json", "application/x-www-form-urlencoded"})
"""Another site's page can send text/plain and multipart without a preflight request; no client of ours does."""
YAML_TYPES: Final = ("application/yaml", "text/yaml", "application/x-yaml")
YAML_PATH: Final = "/pipelines/"
"""The routes that may take YAML begin with this path."""
_JSON_FORMAT: Final = re.compile(r"application/[a-z0-9][a-z0-9!#$&^_.+-]*\+json")
"""A format based on JSON (RFC 6839), such as application/vnd.api+json."""


@lru_cache(maxsize=256)
def is_json_or_form(content_type: str | None) -> bool:
    """Return True for JSON and forms, and for None: the request has no body, or its client does not name its type."""
    if content_type is None:
        return True
    media_type = _get_media_type(content_type)
    return media_type in JSON_AND_FORMS or _JSON_FORMAT.fullmatch(media_type) is not None


@lru_cache(maxsize=256)
def is_yaml(content_type: str | None) -> bool:
    return content_type is not None and _get_media_type(content_type) in YAML_TYPES


def _get_media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
