"""Parse rules for all pipelines, or for those with a tag."""

from collections.abc import Mapping
from typing import Any

from domain.alerts.parsing import parse_rule
from domain.alerts.rule import AlertRule
from domain.errors import InvalidInput
from domain.pipelines.field_parser import FieldParser


def parse_site_rule(raw: object, name: str | None = None) -> tuple[AlertRule, tuple[str, ...]]:
    """Return a rule and its tags. `name` is that of the stored rule that is changed; None for a new one.

    Raises InvalidInput with every invalid field.
    """
    if not isinstance(raw, Mapping):
        raise InvalidInput.for_field("body", "must be a JSON object")
    fields = FieldParser(raw, "")
    tags = fields.parse_tags("tags")
    if name is None and raw.get("name") is None:
        fields.add_problem("name", "is required for a site-wide rule")
    if name is not None and raw.get("name") not in (None, name):
        fields.add_problem("name", f"cannot change from {name}: create a new rule and delete this one")
    rest = {key: value for key, value in raw.items() if key != "tags"}
    rule = _parse_rule(rest if name is None else {**rest, "name": name}, fields)
    if rule is None or fields.problems:
        raise InvalidInput(fields.problems)
    return rule, tags


def _parse_rule(raw: Mapping[str, Any], fields: FieldParser) -> AlertRule | None:
    """Return the rule. Add its problems to those of the fields, and return None, if it is invalid."""
    try:
        return parse_rule(raw)
    except InvalidInput as error:
        fields.problems.extend(problem for problem in error.problems if problem not in fields.problems)
        return None
