"""Values of which thousands a second are made."""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

Made = TypeVar("Made")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value_object(cls: type[Made]) -> type[Made]:
    """A frozen dataclass to the type checker, which refuses every change. At run time it is made in less than half the time that a
    frozen one takes, which sets each of its fields through `object.__setattr__`. Equal, hashed and replaced by its fields."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
