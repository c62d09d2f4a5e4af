"""JSON responses: orjson, times in UTC ending in Z."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from pydantic import BaseModel
from starlette.responses import Response

_CONTENT_TYPE = (b"content-type", b"application/json")
_STATUSES_WITHOUT_BODY = (204, 304)


def encode_json(content: Any) -> bytes:
    """Return the content as JSON. Pydantic models leave out the fields that were not set, and use aliases."""
    return orjson.dumps(content, option=orjson.OPT_UTC_Z, default=_to_plain)


def _to_plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_unset=True, by_alias=True)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(type(value).__name__)


class JsonResponse(Response):
    """A response whose content is encoded as JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return encode_json(content)

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """Set the two headers of most responses without searching the given ones for them."""
        if headers or self.status_code in _STATUSES_WITHOUT_BODY or self.media_type != JsonResponse.media_type:
            super().init_headers(headers)
        else:
            self.raw_headers = [(b"content-length", b"%d" % len(self.body)), _CONTENT_TYPE]
