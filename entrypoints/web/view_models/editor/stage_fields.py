"""The fields of the form that adds a stage: one for each key that a stage can have."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.pipelines.definition import OnCancel, StageCondition, StageKind
from domain.pipelines.field_parser import COMMON_STAGE_KEYS, STAGE_KEYS
from domain.pipelines.http_request import METHODS


class Reading(StrEnum):
    """How the text of a field becomes a value."""

    TEXT = "text"
    NUMBER = "number"
    DURATION = "duration"
    FLAG = "flag"
    CHOICE = "choice"
    COMMAND = "command"
    NAMES = "names"
    VARIABLES = "variables"
    SECRETS = "secrets"
    YAML = "yaml"


@dataclass(frozen=True, slots=True)
class StageField:
    """A field. `rows` is more than 0 for a text area. A field that is not `is_main` is among the further options."""

    key: str
    label: str
    reading: Reading = Reading.TEXT
    hint: str = ""
    rows: int = 0
    is_main: bool = False
    choices: Sequence[tuple[str, str]] = ()

    @property
    def kinds(self) -> Sequence[StageKind]:
        """The kinds of stages that have this key."""
        return [kind for kind in StageKind if self.key in COMMON_STAGE_KEYS | STAGE_KEYS[kind]]

    @property
    def css_class(self) -> str:
        """The classes by which a style sheet shows the field for its kinds only."""
        return " ".join(f"for-{kind}" for kind in self.kinds)


KIND_WORDS: Final = {
    StageKind.COMMAND: "command: a program on a worker",
    StageKind.PYTHON: "python: a function on a worker",
    StageKind.HTTP: "http: one request",
    StageKind.EXTERNAL: "external: another machine reports it",
    StageKind.APPROVAL: "approval: a user decides",
    StageKind.PREFECT: "prefect: a Prefect deployment",
}
_DEFAULT: Final = ("", "Default")
_WHEN: Final = (
    _DEFAULT,
    (StageCondition.COMPLETED.value, "the stages it needs completed (default)"),
    (StageCondition.ALWAYS.value, "they have ended, with any status"),
    (StageCondition.FAILED.value, "one of them failed"),
)
_ON_CANCEL: Final = (_DEFAULT, (OnCancel.CANCEL.value, "cancel the flow run (default)"), (OnCancel.LEAVE.value, "leave the flow run"))
_METHODS: Final = (("", "GET (default)"), *((method, method) for method in METHODS))
FIELDS: Final = (
    StageField("command", "Command", Reading.COMMAND, "the program and its arguments", rows=1, is_main=True),
    StageField("shell", "Run in a shell", Reading.FLAG, "for |, &&, >, $NAME or *", is_main=True),
    StageField("callable", "Function", hint="package.module:function", is_main=True),
    StageField("url", "URL", hint="https://…", is_main=True),
    StageField("method", "Method", Reading.CHOICE, is_main=True, choices=_METHODS),
    StageField("deployment", "Deployment", hint="FLOW/DEPLOYMENT", is_main=True),
    StageField("parameters", "Parameters", Reading.YAML, "such as {day: {parameter: day}}", rows=1, is_main=True),
    StageField("message", "Question", hint="shown to the approvers", is_main=True),
    StageField("approvers", "Approvers", Reading.NAMES, "names or roles; blank: all operators", is_main=True),
    StageField("python", "Interpreter", hint="a virtual environment or interpreter; blank: the worker’s"),
    StageField("env", "Environment variables", Reading.VARIABLES, "NAME=value, one a line", rows=2),
    StageField("secrets", "Secrets", Reading.SECRETS, "NAME, or VARIABLE=NAME, one a line", rows=1),
    StageField("workdir", "Working directory"),
    StageField("headers", "Headers", Reading.YAML, "such as Authorization: {secret: TOKEN}", rows=2),
    StageField("query", "Query", Reading.YAML, "such as day: {parameter: day}", rows=1),
    StageField("body", "Body", Reading.YAML, "YAML or JSON, sent as JSON", rows=2),
    StageField("expected", "Expected statuses", Reading.YAML, "such as [200, 404]"),
    StageField("max_bytes", "Largest response", Reading.NUMBER, "bytes"),
    StageField("fields", "Fields of the decision", Reading.YAML, "a JSON Schema of further values", rows=2),
    StageField("hold", "Keep the run’s slots while it waits", Reading.FLAG),
    StageField("on_cancel", "When cancelled", Reading.CHOICE, choices=_ON_CANCEL),
    StageField("timeout", "Timeout", Reading.DURATION, "such as 90s, 15m or 24h"),
    StageField("retries", "Retries", Reading.NUMBER),
    StageField("retry_delay", "Wait between retries", Reading.DURATION, "such as 30s"),
    StageField("retry_on_loss", "Retry when the worker is lost", Reading.FLAG),
    StageField("when", "Runs when", Reading.CHOICE, choices=_WHEN),
    StageField("allow_failure", "Can fail without failing the run", Reading.FLAG),
    StageField("uses", "Groups", Reading.NAMES, "the stage holds a slot of each while it runs"),
)
