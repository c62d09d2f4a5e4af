"""The query of the list of incidents: which states and which pipeline a URL selects."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from domain.alerts.incident import UNRESOLVED, IncidentState
from entrypoints.http.ids import parse_id

ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class IncidentQuery:
    """The selection. `state` is empty for unresolved incidents, "all", or a state; `before` continues the list below that id."""

    state: str = ""
    pipeline_id: int | None = None
    before: int | None = None

    @classmethod
    def parse(cls, state: str, pipeline_id: int | None, before: str) -> "IncidentQuery":
        """Return the query. Texts that mean nothing are left out."""
        return cls(state if state in (ALL, *IncidentState) else "", pipeline_id, parse_id(before) if before else None)

    @property
    def states(self) -> Sequence[IncidentState]:
        """The states to list."""
        if self.state == ALL:
            return tuple(IncidentState)
        return (IncidentState(self.state),) if self.state else UNRESOLVED

    def get_url(self, path: str, **changes: Any) -> str:
        """Return the address of the list with changes."""
        query = replace(self, **changes)
        parameters = {"state": query.state, "pipeline": query.pipeline_id, "before": query.before}
        text = urlencode({name: value for name, value in parameters.items() if value})
        return f"{path}?{text}" if text else path
