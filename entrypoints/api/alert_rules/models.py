"""Site-wide alert rules as the API takes and returns them."""

from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import Field, RootModel, WithJsonSchema

from application.queries.views.alerts import AlertRuleView
from domain.alerts.serialization import serialize_rule
from domain.pipelines.field_parser import MAX_TAGS, TAG
from entrypoints.api.pipelines.alert_models import AlertRuleDefinitionResponse
from entrypoints.api.shared.models import with_example
from entrypoints.definitions.schema.alerts import RULE
from entrypoints.definitions.schema.values import or_null
from entrypoints.http.base_path import link

_RULE: Final = {
    "name": "on-call",
    "tags": ["critical"],
    "on": ["failed", "lost"],
    "after": 2,
    "to": ["team-chat", {"channel": "pager", "after": "30m"}],
    "remind": "4h",
}
_TAGS: Final = or_null(
    {"type": "array", "maxItems": MAX_TAGS, "items": {"type": "string", "pattern": f"^{TAG.pattern}$"}},
    "The rule applies to pipelines with one of these tags; if omitted, to all pipelines.",
)
_SCHEMA: Final[dict[str, Any]] = {**RULE, "properties": {**RULE["properties"], "tags": _TAGS}}
_NEW_SCHEMA: Final[dict[str, Any]] = {**_SCHEMA, "required": ["name", *RULE["required"]]}


class NewAlertRuleRequest(RootModel[Annotated[Any, WithJsonSchema(_NEW_SCHEMA)]]):
    """A rule to create. If fields are invalid, the error names each of them."""

    model_config = with_example(_RULE)


class ChangeAlertRuleRequest(RootModel[Annotated[Any, WithJsonSchema(_SCHEMA)]]):
    """The new content of a rule. Its name cannot change."""

    model_config = with_example({key: value for key, value in _RULE.items() if key != "name"})


class AlertRuleResponse(AlertRuleDefinitionResponse):
    """A rule of all pipelines, or of those with one of its tags. Durations are in seconds."""

    model_config = with_example(
        {
            **_RULE,
            "id": 1,
            "to": [{"channel": "team-chat", "after": 0.0}, {"channel": "pager", "after": 1_800.0}],
            "remind": 14_400.0,
            "recovery": True,
            "quiet": None,
            "created_at": "2026-11-29T10:04:00Z",
            "created_by": "ada",
            "links": {"self": "/alert-rules/on-call", "page": "/ui/alert-rules"},
        }
    )

    id: int
    tags: list[str] = Field(description="The rule applies to pipelines with one of these tags; if empty, to all pipelines.")
    created_at: datetime
    created_by: str | None
    links: dict[str, str]

    @classmethod
    def from_view(cls, view: AlertRuleView) -> Self:
        """Build the response of a rule."""
        return cls(
            **serialize_rule(view.rule),
            id=view.id,
            tags=list(view.tags),
            created_at=view.created_at,
            created_by=view.created_by,
            links={"self": link(f"/alert-rules/{view.name}"), "page": link("/ui/alert-rules")},
        )
