"""The keywords of JSON Schema draft 2020-12 that have subschemas, and the formats that are checked."""

SAME_VALUE = frozenset({"not", "if", "then", "else"})
"""The keyword's schema applies to the same value."""
SAME_VALUE_LISTS = frozenset({"allOf", "anyOf", "oneOf"})
SAME_VALUE_MAPS = frozenset({"dependentSchemas"})
EVERY_CHILD = frozenset({"additionalProperties", "items", "contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties"})
"""The keyword's schema applies to properties, names or items of the value."""
EVERY_CHILD_LISTS = frozenset({"prefixItems"})
EVERY_CHILD_MAPS = frozenset({"patternProperties"})
NAMED_CHILDREN = "properties"
DEFINITIONS = frozenset({"$defs", "definitions"})
"""The keyword's schemas apply to nothing unless a `$ref` names them."""
REFERENCES = ("$ref", "$dynamicRef")
ANCHORS = ("$anchor", "$dynamicAnchor")

FORMATS = (
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "idn-email",
    "idn-hostname",
    "ipv4",
    "ipv6",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "relative-json-pointer",
    "time",
    "uri",
    "uri-reference",
    "uri-template",
    "uuid",
)
