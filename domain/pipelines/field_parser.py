"""Read the keys of one object of a pipeline definition."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from domain.errors import FieldProblem
from domain.pipelines import http_request
from domain.pipelines.definition import (
    StageKind,
)
from domain.text_validation import find_json_problems, find_text_problem, replace_unstorable

NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,99}")


ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")


CALLABLE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


Choice = TypeVar("Choice", bound=StrEnum)


MAX_SECONDS = 366 * 86_400.0


STAGE_KEYS = {
    "command": frozenset({"command", "shell", "env", "secrets", "workdir", "retries", "retry_delay", "retry_on_loss"}),
    "python": frozenset({"callable", "env", "secrets", "workdir", "retries", "retry_delay", "retry_on_loss"}),
    "http": http_request.HTTP_STAGE_KEYS | {"retries", "retry_delay", "retry_on_loss"},
    "external": frozenset[str](),
    "approval": frozenset({"approvers", "message", "fields"}),
}


MAX_SECRETS = 50


TAG = re.compile(r"[a-z0-9][a-z0-9._-]{0,29}")


MAX_TAGS = 20


COMMON_STAGE_KEYS = frozenset({"name", "kind", "needs", "timeout", "allow_failure", "when"})


ALL_STAGE_KEYS = COMMON_STAGE_KEYS.union(*STAGE_KEYS.values())


class _Fields:
    """Reads one object's keys; collects problems instead of stopping at the first."""

    def __init__(self, raw: Mapping[str, Any], path: str, problems: list[FieldProblem] | None = None) -> None:
        self.raw = raw
        self.path = path
        self.problems = problems if problems is not None else []

    def blame(self, key: str, message: str) -> None:
        self.problems.append(FieldProblem(self.path + replace_unstorable(key), replace_unstorable(message)))

    def refuse_unknown(self, known: frozenset[str]) -> None:
        for key in self.raw:
            if key not in known:
                self.blame(f"{key!s:.60}", "unknown key; known are " + ", ".join(sorted(known)))

    def refuse_foreign(self, allowed: frozenset[str], kind: StageKind) -> None:
        for key in self.raw:
            if key in ALL_STAGE_KEYS and key not in allowed:
                self.blame(key, f"a stage of kind {kind} has no {key}")

    def name(self, key: str, default: str | None = None) -> str:
        value = self.raw.get(key, default)
        if isinstance(value, str) and NAME.fullmatch(value):
            return value
        self.blame(key, "begins with a letter, then letters, digits, - _ . ; up to 100 characters")
        return ""

    def text(self, key: str, default: str, longest: int = 4_096) -> str:
        value = self.raw.get(key, default)
        problem = find_text_problem(value, longest)
        if problem:
            self.blame(key, problem)
            return default
        return str(value)

    def optional_text(self, key: str) -> str | None:
        return self.text(key, "") or None if self.raw.get(key) is not None else None

    def flag(self, key: str) -> bool:
        value = self.raw.get(key, False)
        if isinstance(value, bool):
            return value
        self.blame(key, "is true or false")
        return False

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        value = self.raw.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.blame(key, f"is a whole number from {low} to {high}")
        return default

    def seconds(self, key: str, default: float, above_zero: bool = False) -> float:
        value = self.raw.get(key, default)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and (value > 0 if above_zero else value >= 0) and value <= MAX_SECONDS:
            return float(value)
        self.blame(key, f"is a number of seconds, {'above' if above_zero else 'from'} 0, up to a year")
        return default

    def mapping(self, key: str) -> Mapping[str, Any] | None:
        value = self.raw.get(key)
        if value is None:
            return None
        if isinstance(value, Mapping):
            for path, flaw in find_json_problems(value, key):
                self.blame(path, flaw)
            return value
        self.blame(key, "is an object")
        return None

    def choice(self, key: str, options: type[Choice], default: Choice | None) -> Choice | None:
        value = self.raw.get(key, default)
        try:
            return options(value)
        except ValueError:
            self.blame(key, "is one of " + ", ".join(option.value for option in options))
            return default

    def kind(self) -> StageKind | None:
        """What is said, else what the other keys tell; None when it is unknown, so that nothing more is read into the stage."""
        if "kind" not in self.raw and "command" in self.raw:
            return StageKind.COMMAND
        if "kind" not in self.raw and "callable" in self.raw:
            return StageKind.PYTHON
        return self.choice("kind", StageKind, None)

    def needs(self, previous: str | None) -> tuple[str, ...]:
        value = self.raw.get("needs")
        if value is None:
            return (previous,) if previous else ()
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(dict.fromkeys(value))
        self.blame("needs", "is a list of stage names")
        return ()

    def command(self, shell: bool) -> tuple[str, ...] | str | None:
        value = self.raw.get("command")
        if shell:
            problem = find_text_problem(value, 65_536) or (None if value else "is empty")
            if problem:
                self.blame("command", f"with shell: true it is one line of shell text ({problem})")
            return value if isinstance(value, str) else None
        if isinstance(value, list) and value and all(find_text_problem(item, 65_536) is None for item in value) and value[0]:
            return tuple(value)
        self.blame("command", "is a list: the program, then its arguments (or set shell: true)")
        return None

    def words(self, key: str, most: int) -> tuple[str, ...]:
        value = self.raw.get(key)
        if value is None:
            return ()
        if isinstance(value, list) and len(value) <= most and all(find_text_problem(item, 200) is None and item.strip() for item in value):
            return tuple(dict.fromkeys(value))
        self.blame(key, f"is a list of up to {most} names")
        return ()

    def tags(self, key: str) -> tuple[str, ...]:
        value = self.raw.get(key)
        if value is None:
            return ()
        if isinstance(value, list) and len(value) <= MAX_TAGS and all(isinstance(item, str) and TAG.fullmatch(item) for item in value):
            return tuple(dict.fromkeys(value))
        self.blame(key, f"is a list of up to {MAX_TAGS} short words: small letters, digits, - _ . ; up to 30 characters")
        return ()

    def callable(self) -> str | None:
        value = self.raw.get("callable")
        if isinstance(value, str) and len(value) <= 300 and CALLABLE.fullmatch(value):
            return value
        self.blame("callable", "names a function as package.module:function")
        return None

    def environment(self) -> Mapping[str, str]:
        value = self.raw.get("env")
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.blame("env", "is an object of names and texts")
            return {}
        for name, text in value.items():
            if not isinstance(name, str) or not ENV_NAME.fullmatch(name) or name.startswith("HEADGATE_"):
                self.blame("env", "a name has letters, digits and _, and does not begin with HEADGATE_")
            elif problem := find_text_problem(text, 65_536):
                self.blame(f"env.{name}", problem)
        return dict(value)

    def request(self) -> Mapping[str, Any]:
        request, wrong = http_request.parse_http_request(self.raw, self.path)
        for problem in wrong:
            self.problems.append(FieldProblem(replace_unstorable(problem.field), replace_unstorable(problem.message)))
        return request

    def secrets(self) -> Mapping[str, str]:
        """A list of names, each its own variable, or variables with the names of their secrets."""
        value = self.raw.get("secrets")
        if value is None:
            return {}
        pairs = {name: name for name in value} if isinstance(value, list) and all(isinstance(name, str) for name in value) else value
        if not isinstance(pairs, Mapping) or len(pairs) > MAX_SECRETS:
            self.blame("secrets", f"is a list of names of secrets, or an object of variables and names; up to {MAX_SECRETS}")
            return {}
        env = self.raw.get("env")
        for variable, name in pairs.items():
            if not isinstance(variable, str) or not ENV_NAME.fullmatch(variable) or variable.startswith("HEADGATE_"):
                self.blame("secrets", "a variable has letters, digits and _, and does not begin with HEADGATE_")
            elif not isinstance(name, str) or not ENV_NAME.fullmatch(name):
                self.blame(f"secrets.{variable}", "names a secret by letters, digits and _")
            elif isinstance(env, Mapping) and variable in env:
                self.blame(f"secrets.{variable}", "is set by env already")
        return dict(pairs)
