"""Write the parameters of a flow run as values that Prefect does not evaluate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from application.ports.dispatch.orchestrator import FlowRunRejected

_KIND: Final = "__prefect_kind"
"""The key of an object that Prefect replaces, by a variable of its own or a rendered template."""


def quote_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters, with each object that Prefect would replace as JSON text that it reads back unchanged.

    Otherwise a caller of Headgate could read Prefect's variables. Raises FlowRunRejected if a parameter itself has the name of the key.
    """
    if _KIND in parameters:
        raise FlowRunRejected(f"Prefect has no parameter {_KIND}.")
    return {name: _quote(value) for name, value in parameters.items()}


def _quote(value: Any) -> Any:
    if isinstance(value, Mapping):
        if _KIND in value:
            return {_KIND: "json", "value": json.dumps(value)}
        return {key: _quote(part) for key, part in value.items()}
    return [_quote(part) for part in value] if isinstance(value, list) else value
