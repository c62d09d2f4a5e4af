"""Finds stages, schedules and alert rules that have another name in a later revision."""

import json
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Final

from domain.pipelines.definition import PipelineDefinition
from domain.pipelines.serialization import serialize_stage

Item = Mapping[str, Any]
_LINKS: Final = frozenset({"name", "needs"})
"""Keys that may differ because of a rename, of this item or of others."""
_MAIN_KEYS: Final = ("command", "callable", "url", "deployment", "message", "cron", "every", "at", "on", "to")
"""Keys for the action of an item. Other keys are options, which often have the same default values in different items."""
_MIN_SIMILARITY: Final = 0.6
_MAX_COMPARED: Final = 300
"""Words of each text whose similarity is computed, which takes the square of the time."""


def find_renamed_stages(before: PipelineDefinition, after: PipelineDefinition) -> dict[str, str]:
    """Return the earlier name of each stage that was renamed, by its new name."""
    if [stage.name for stage in before.stages] == [stage.name for stage in after.stages]:
        return {}
    return find_renames([serialize_stage(stage) for stage in before.stages], [serialize_stage(stage) for stage in after.stages])


def find_renames(before: Sequence[Item], after: Sequence[Item]) -> dict[str, str]:
    """Return the earlier name of each renamed item, by its new name.

    An item was renamed if one with the same content is gone, or one that did mostly the same at the same position.
    """
    search = _Search(before, after)
    search.match_in_place(lambda old, new: _write_content(old) == _write_content(new))
    search.match_by_content()
    search.match_in_place(_is_similar)
    return search.renames


class _Search:
    """The items that are gone and those that are new, and which of them were matched."""

    def __init__(self, before: Sequence[Item], after: Sequence[Item]) -> None:
        old, new = ({item["name"]: index for index, item in enumerate(items)} for items in (before, after))
        self._before, self._after = before, after
        self._gone = {item["name"]: item for item in before if item["name"] not in new}
        self._added = {item["name"]: index for index, item in enumerate(after) if item["name"] not in old}
        self._following = {before[index - 1]["name"]: item["name"] for index, item in enumerate(before) if index}
        self.renames: dict[str, str] = {}

    def match_in_place(self, is_same: Callable[[Item, Item], bool]) -> None:
        """Match new items with those that are gone from the same position, or from behind the same item."""
        for name, index in self._added.items():
            for old in self._find_in_place(index):
                if name not in self.renames and old in self._gone and is_same(self._gone[old], self._after[index]):
                    self._match(name, old)

    def match_by_content(self) -> None:
        """Match new items with those of the same content, in their order. Items that say no more than their kind are not matched."""
        by_content: dict[str, list[str]] = {}
        for old, item in self._gone.items():
            by_content.setdefault(_write_content(item), []).append(old)
        for name, index in self._added.items():
            found = by_content.get(_write_content(self._after[index]))
            if found and name not in self.renames and _write_main(self._after[index]):
                self._match(name, found.pop(0))

    def _find_in_place(self, index: int) -> list[str]:
        previous = self._after[index - 1]["name"] if index else None
        follower = self._following.get(self.renames.get(previous, previous)) if previous is not None else None
        return [*([follower] if follower else []), *([self._before[index]["name"]] if index < len(self._before) else [])]

    def _match(self, name: str, old: str) -> None:
        self.renames[name] = old
        del self._gone[old]


def _is_similar(old: Item, new: Item) -> bool:
    if old.get("kind") != new.get("kind"):
        return False
    one, other = (_write_main(item).split()[:_MAX_COMPARED] for item in (old, new))
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= _MIN_SIMILARITY


def _write_content(item: Item) -> str:
    return json.dumps({key: value for key, value in item.items() if key not in _LINKS}, sort_keys=True, default=str)


def _write_main(item: Item) -> str:
    """Return what the item does as text; empty for one that is nothing but its name, such as a stage of kind `external`."""
    return " ".join(_write(item.get(key)) for key in _MAIN_KEYS if item.get(key))


def _write(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
