"""An item of a list is read and encoded once per version."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from entrypoints.api.shared.list_cache import ListCache


@dataclass(frozen=True, slots=True)
class Item:
    id: int
    version: int = 1


class CountingItems:
    """Items that count how often they are read and encoded."""

    def __init__(self, *items: Item) -> None:
        self.items = {item.id: item for item in items}
        self.read: list[list[int]] = []
        self.shown = 0

    def texts(self, max_bytes: int = 1_000) -> ListCache[Item, Item]:
        return ListCache(self._read, lambda item: item, self._show, max_bytes)

    async def _read(self, reader: Any, ids: Sequence[int]) -> list[Item]:
        self.read.append(list(ids))
        return [self.items[id] for id in ids if id in self.items]

    def _show(self, item: Item) -> dict[str, int]:
        self.shown += 1
        return {"id": item.id, "version": item.version}


READER: Any = None


async def test_an_unchanged_page_is_read_once() -> None:
    shelf = CountingItems(Item(2), Item(1))
    texts = shelf.texts()

    pages = [await texts.encode(READER, [Item(2), Item(1)]) for _ in range(3)]

    assert pages == [b'[{"id":2,"version":1},{"id":1,"version":1}]'] * 3
    assert (shelf.read, shelf.shown) == ([[2, 1]], 2)


async def test_only_changed_items_are_read_again() -> None:
    shelf = CountingItems(Item(2), Item(1))
    texts = shelf.texts()
    await texts.encode(READER, [Item(2), Item(1)])
    shelf.items[1] = Item(1, version=2)

    page = await texts.encode(READER, [Item(2), Item(1, version=2)])

    assert page == b'[{"id":2,"version":1},{"id":1,"version":2}]'
    assert shelf.read == [[2, 1], [1]]


async def test_an_item_newer_than_its_version_appears_as_it_is_now() -> None:
    shelf = CountingItems(Item(1, version=2))
    texts = shelf.texts()

    page = await texts.encode(READER, [Item(1, version=1)])

    assert page == b'[{"id":1,"version":2}]'


async def test_a_deleted_item_is_left_out() -> None:
    assert await CountingItems(Item(1)).texts().encode(READER, [Item(2), Item(1)]) == b'[{"id":1,"version":1}]'


async def test_the_cache_is_limited_in_bytes() -> None:
    shelf = CountingItems(*(Item(id) for id in range(10, 90)))
    size = len(b'{"id":10,"version":1}')
    texts = shelf.texts(max_bytes=2 * size)

    for id in range(10, 90):
        await texts.encode(READER, [Item(id)])
    await texts.encode(READER, [Item(88), Item(89)])
    await texts.encode(READER, [Item(87)])

    assert len(shelf.read) == 81
