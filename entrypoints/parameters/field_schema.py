"""One parameter's JSON Schema, resolved: what a form or an option needs to know to read text as its value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

from entrypoints.parameters.schema_flattening import Choice, SchemaFlattener, get_choices, get_text, get_types

SCALARS = frozenset({"string", "integer", "number", "boolean", "null"})


@dataclass(frozen=True)
class FieldSchema:
    """A property's schema. `rule` has its keywords, with those behind `$ref` and `allOf`; `types` is empty if any type is accepted."""

    rule: Mapping[str, Any]
    types: frozenset[str] = frozenset()
    choices: Sequence[Choice] | None = None
    root: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def title(self) -> str:
        return get_text(self.rule, "title")

    @property
    def description(self) -> str:
        return get_text(self.rule, "description")

    @property
    def has_default(self) -> bool:
        return "default" in self.rule

    @property
    def is_nullable(self) -> bool:
        return "null" in self.types if self.choices is None else any(choice.value is None for choice in self.choices)

    @property
    def value_types(self) -> frozenset[str]:
        """The types without null."""
        return self.types - {"null"}

    @property
    def is_scalar(self) -> bool:
        return self.choices is not None or (bool(self.value_types) and self.types <= SCALARS)

    @cached_property
    def items(self) -> "FieldSchema | None":
        """The schema of the items of a list of single values; None for every other schema."""
        return self._get_part("array", "items", ("prefixItems",))

    @cached_property
    def map_values(self) -> "FieldSchema | None":
        """The schema of the values of an object that maps any name to a single value; None for every other schema."""
        return self._get_part("object", "additionalProperties", ("properties", "patternProperties"))

    def _get_part(self, kind: str, keyword: str, others: Sequence[str]) -> "FieldSchema | None":
        rule = self.rule.get(keyword)
        if self.choices is not None or self.value_types != {kind} or not isinstance(rule, Mapping) or any(map(self.rule.get, others)):
            return None
        part = resolve_field(rule, self.root)
        return part if part.is_scalar else None


def list_properties(schema: Mapping[str, Any] | None, limit: int | None = None) -> dict[str, FieldSchema]:
    """Return each property of an object's schema, or the first ones, in its order."""
    root = schema or {}
    flattener = SchemaFlattener(root)
    return {name: _resolve(rule, root, flattener) for name, rule in islice(_get_properties(root).items(), limit)}


def list_property_names(schema: Mapping[str, Any] | None) -> list[str]:
    """Return the names of all properties in their order."""
    return list(_get_properties(schema or {}))


def list_required(schema: Mapping[str, Any] | None) -> frozenset[str]:
    """Return the names of the properties that must be given."""
    root = schema or {}
    required = SchemaFlattener(root).flatten(root).get("required")
    return frozenset(name for name in required if isinstance(name, str)) if isinstance(required, list) else frozenset()


def resolve_field(rule: object, root: Mapping[str, Any]) -> FieldSchema:
    """Return the schema of a property. `root` is the whole schema, in which references are looked up."""
    return _resolve(rule, root, SchemaFlattener(root))


def _resolve(rule: object, root: Mapping[str, Any], flattener: SchemaFlattener) -> FieldSchema:
    flat = flattener.flatten(rule)
    return FieldSchema(flat, get_types(flat), get_choices(flat), root)


def _get_properties(root: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = SchemaFlattener(root).flatten(root).get("properties")
    return properties if isinstance(properties, Mapping) else {}
