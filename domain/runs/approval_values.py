"""The values of approvals, which the stages after them get as parameters."""

from collections.abc import Collection, Mapping
from typing import Any

from domain.pipelines.graph import find_upstream


def merge_approval_values(stage: str, needs: Mapping[str, Collection[str]], approved: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of all approvals before the stage. Later approvals override earlier ones.

    `needs` are those of all stages. `approved` has the outputs of the completed approvals, in the definition's order.
    """
    outputs = {name: output for name, output in approved.items() if isinstance(output, Mapping)}
    upstream = find_upstream(stage, needs) if outputs else set()
    return {key: value for name, output in outputs.items() if name in upstream for key, value in output.items()}
