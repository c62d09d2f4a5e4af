"""Value objects that are created thousands of times a second."""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value_object(cls: type[T]) -> type[T]:
    """Make a dataclass that only the type checker treats as frozen.

    Creating one takes less than half the time of a frozen dataclass, which sets each field with `object.__setattr__`. Equality, hash and
    `replace` use the fields.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
