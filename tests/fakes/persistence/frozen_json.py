"""Immutable lists and dictionaries.

A store in memory hands out the objects that it has, instead of a copy for each call. Code that changes one fails, where a change of the
copy that a real store returns would only be lost.
"""

from dataclasses import fields, is_dataclass, replace
from typing import Any, NoReturn, TypeVar

from yaml.representer import SafeRepresenter

T = TypeVar("T")


def _refuse(self: object, *_: object, **__: object) -> NoReturn:
    raise TypeError(f"a {type(self).__name__} of the store cannot be changed")


class FrozenDict(dict[Any, Any]):
    """A dictionary that cannot be changed. Its copies can be."""

    __setitem__ = __delitem__ = __ior__ = update = setdefault = pop = popitem = clear = _refuse

    def __copy__(self) -> dict[Any, Any]:
        return dict(self)

    def __deepcopy__(self, memo: object) -> dict[Any, Any]:
        return {key: thaw(value) for key, value in self.items()}

    def __reduce__(self) -> tuple[type, tuple[dict[Any, Any]]]:
        return FrozenDict, (dict(self),)


class FrozenList(list[Any]):
    """A list that cannot be changed. Its copies can be."""

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = extend = insert = remove = pop = clear = sort = reverse = _refuse

    def __copy__(self) -> list[Any]:
        return list(self)

    def __deepcopy__(self, memo: object) -> list[Any]:
        return [thaw(value) for value in self]

    def __reduce__(self) -> tuple[type, tuple[list[Any]]]:
        return FrozenList, (list(self),)


# YAML knows a value by its exact type.
SafeRepresenter.add_representer(FrozenDict, SafeRepresenter.represent_dict)
SafeRepresenter.add_representer(FrozenList, SafeRepresenter.represent_list)


def freeze(value: T) -> T:
    """Return the value with immutable lists and dictionaries. Frozen dataclasses and tuples may contain some."""
    frozen: T = _freeze(value)
    return frozen


def _freeze(value: Any) -> Any:
    kind = type(value)
    if kind in (str, int, FrozenDict, FrozenList):
        return value
    if kind is dict:
        return FrozenDict({key: _freeze(each) for key, each in value.items()})
    if kind is list:
        return FrozenList([_freeze(each) for each in value])
    if kind is tuple:
        return tuple([_freeze(each) for each in value])
    if is_dataclass(kind):
        return replace(value, **{field.name: _freeze(getattr(value, field.name)) for field in fields(kind)})
    return value


def thaw(value: Any) -> Any:
    """Return a deep copy of a JSON value, with lists and dictionaries that can be changed."""
    if isinstance(value, dict):
        return {key: thaw(each) for key, each in value.items()}
    return [thaw(each) for each in value] if isinstance(value, list) else value
