"""The JSON of list items, encoded once per version."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel
from starlette.responses import Response

from application.ports.queries.reader import Reader
from entrypoints.api.shared.etags import cache_headers
from entrypoints.http.json_response import encode_json

MAX_CACHED_BYTES = 8 << 20
UNBROKEN_BYTES = 100_000
"""Bytes that are encoded before other tasks run."""


class _HasId(Protocol):
    @property
    def id(self) -> int: ...


Version = TypeVar("Version", bound=_HasId)
View = TypeVar("View", bound=_HasId)


class ListCache(Generic[Version, View]):
    """The JSON of one kind of list item, by version; one cache per process.

    Versions are read from the database for each request, so the changes of other processes are never missed.
    """

    def __init__(
        self,
        read: Callable[[Reader, Sequence[int]], Awaitable[Sequence[View]]],
        get_version: Callable[[View], Version],
        to_model: Callable[[View], BaseModel],
        max_bytes: int = MAX_CACHED_BYTES,
    ) -> None:
        self._read, self._get_version, self._to_model = read, get_version, to_model
        self._cache: OrderedDict[Version, bytes] = OrderedDict()
        self._free_bytes = max_bytes

    async def encode(self, reader: Reader, versions: Sequence[Version]) -> bytes:
        """Return the items as a JSON array in this order. An item that has changed since its version was read appears as it is now."""
        found = {version.id: self._cache[version] for version in versions if version in self._cache}
        missing = [version.id for version in versions if version.id not in found]
        unbroken = 0
        for view in await self._read(reader, missing) if missing else ():
            found[view.id] = self._store(view)
            unbroken += len(found[view.id])
            if unbroken > UNBROKEN_BYTES:
                unbroken = 0
                await asyncio.sleep(0)
        items = [found.get(version.id) for version in versions]
        while self._free_bytes < 0:
            self._free_bytes += len(self._cache.popitem(last=False)[1])
        return b"[" + b",".join(item for item in items if item is not None) + b"]"

    async def respond(self, reader: Reader, versions: Sequence[Version], etag: str, headers: Mapping[str, str]) -> Response:
        """Return the response with these items."""
        return Response(await self.encode(reader, versions), media_type="application/json", headers=cache_headers(etag, headers))

    def _store(self, view: View) -> bytes:
        item, version = encode_json(self._to_model(view)), self._get_version(view)
        self._free_bytes += len(self._cache.get(version, b"")) - len(item)
        self._cache[version] = item
        return item
