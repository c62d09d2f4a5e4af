"""Parse the keys of one object of a pipeline definition."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from domain.errors import FieldProblem, InvalidInput
from domain.flow_runs.deployment import find_name_problem
from domain.pipelines import http_request
from domain.pipelines.definition import StageKind
from domain.pipelines.durations import parse_duration
from domain.text_validation import describe_other_type, find_json_problems, find_text_problem, replace_unstorable

MAX_SECONDS = 366 * 86_400.0
MAX_SECRETS = 50
MAX_TAGS = 20
MAX_TEXT_LENGTH = 65_536
MAX_PATH_LENGTH = 4_096
MAX_PROBLEMS = 100
NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,99}")
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
CALLABLE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
VERSION = re.compile(r"(python)?[0-9]+(\.[0-9]+)*", re.IGNORECASE)
TAG = re.compile(r"[a-z0-9][a-z0-9._-]{0,29}")
COMMON_STAGE_KEYS = frozenset({"name", "kind", "needs", "timeout", "allow_failure", "when"})
STAGE_KEYS = {
    "command": frozenset({"command", "shell", "env", "secrets", "workdir", "retries", "retry_delay", "retry_on_loss", "uses"}),
    "python": frozenset({"callable", "python", "env", "secrets", "workdir", "retries", "retry_delay", "retry_on_loss", "uses"}),
    "http": http_request.HTTP_STAGE_KEYS | {"retries", "retry_delay", "retry_on_loss", "uses"},
    "prefect": frozenset({"deployment", "parameters", "on_cancel", "retries", "retry_delay", "retry_on_loss", "uses"}),
    "external": frozenset[str](),
    "approval": frozenset({"approvers", "message", "fields", "hold"}),
}
ALL_STAGE_KEYS = COMMON_STAGE_KEYS.union(*STAGE_KEYS.values())
Choice = TypeVar("Choice", bound=StrEnum)


class FieldParser:
    """Parses the keys of one object, and collects all problems in `problems`. `path` is the prefix of the keys in problems."""

    def __init__(self, raw: Mapping[str, Any], path: str, problems: list[FieldProblem] | None = None) -> None:
        self.raw = raw
        self.path = path
        self.problems = problems if problems is not None else []

    def has_problem_in(self, key: str) -> bool:
        """Return True if the key, or a part of its value, has a problem."""
        return any(problem.field.startswith(self.path + key) for problem in self.problems)

    def add_problem(self, key: str, message: str) -> None:
        """Note a problem. Raise InvalidInput with those found so far when there are MAX_PROBLEMS."""
        self.problems.append(FieldProblem(self.path + replace_unstorable(key), replace_unstorable(message)))
        if len(self.problems) >= MAX_PROBLEMS:
            raise InvalidInput([*self.problems, FieldProblem("", "has more problems; only the first ones are listed")])

    def reject_unknown_keys(self, known: frozenset[str]) -> None:
        for key in self.raw:
            if key not in known:
                self.add_problem(f"{key!s:.60}", "unknown key; known keys: " + ", ".join(sorted(known)))

    def reject_keys_of_other_kinds(self, allowed: frozenset[str], kind: StageKind) -> None:
        for key in self.raw:
            if key in ALL_STAGE_KEYS and key not in allowed:
                self.add_problem(key, f"a stage of kind {kind} has no {key}")

    def parse_name(self, key: str, default: str | None = None) -> str:
        value = self.raw.get(key, default)
        if isinstance(value, str) and NAME.fullmatch(value):
            return value
        if key in self.raw and not isinstance(value, str):
            self.add_problem(key, describe_other_type(value))
        else:
            self.add_problem(key, "must begin with a letter, followed by letters, digits, - _ . ; at most 100 characters")
        return ""

    def parse_text(self, key: str, default: str, max_length: int = 4_096) -> str:
        value = self.raw.get(key, default)
        problem = find_text_problem(value, max_length)
        if problem:
            self.add_problem(key, problem)
            return default
        return str(value)

    def parse_optional_text(self, key: str) -> str | None:
        return self.parse_text(key, "") or None if self.raw.get(key) is not None else None

    def parse_flag(self, key: str) -> bool:
        value = self.raw.get(key, False)
        if isinstance(value, bool):
            return value
        self.add_problem(key, "must be true or false")
        return False

    def parse_integer(self, key: str, default: int, low: int, high: int) -> int:
        value = self.raw.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.add_problem(key, f"must be a whole number from {low} to {high}")
        return default

    def parse_duration(self, key: str, default: float, above_zero: bool = False) -> float:
        """Return the seconds of a number or a text such as `15m`."""
        seconds = parse_duration(self.raw.get(key, default))
        if seconds is not None and (seconds > 0 if above_zero else seconds >= 0) and seconds <= MAX_SECONDS:
            return seconds
        limits = f"{'more than' if above_zero else 'at least'} 0 and at most 366 days"
        self.add_problem(key, f"must be seconds or a duration such as 90s, 15m, 24h or 7d; {limits}")
        return default

    def parse_object(self, key: str) -> Mapping[str, Any] | None:
        value = self.raw.get(key)
        if value is None:
            return None
        if isinstance(value, Mapping):
            for path, problem in find_json_problems(value, key):
                self.add_problem(path, problem)
            return value
        self.add_problem(key, "must be an object")
        return None

    def parse_choice(self, key: str, options: type[Choice], default: Choice | None) -> Choice | None:
        value = self.raw.get(key, default)
        try:
            return options(value)
        except ValueError:
            self.add_problem(key, "must be one of " + ", ".join(option.value for option in options))
            return default

    def parse_kind(self) -> StageKind | None:
        """Return the kind: the given one, or the one that follows from the other keys; None if it is unknown."""
        if "kind" not in self.raw and "command" in self.raw:
            return StageKind.COMMAND
        if "kind" not in self.raw and "callable" in self.raw:
            return StageKind.PYTHON
        if "kind" not in self.raw and "deployment" in self.raw:
            return StageKind.PREFECT
        return self.parse_choice("kind", StageKind, None)

    def parse_needs(self, previous: str | None) -> tuple[str, ...]:
        value = self.raw.get("needs")
        if value is None:
            return (previous,) if previous else ()
        if not isinstance(value, list):
            self.add_problem("needs", "must be a list of stage names")
            return ()
        return self._parse_texts("needs", value)

    def parse_command(self, shell: bool) -> tuple[str, ...] | str | None:
        value = self.raw.get("command")
        if shell:
            problem = find_text_problem(value, MAX_TEXT_LENGTH) or (None if value else "must not be empty")
            if problem:
                self.add_problem("command", f"must be one line of shell text, since shell: true is set ({problem})")
            return value if isinstance(value, str) else None
        if not isinstance(value, list) or not value or value[0] == "":
            self.add_problem("command", "must be a list of the program and its arguments (or set shell: true)")
            return None
        for index, item in enumerate(value):
            if problem := find_text_problem(item, MAX_TEXT_LENGTH):
                self.add_problem(f"command[{index}]", problem)
        return tuple(value)

    def _parse_texts(self, key: str, items: list[Any], max_length: int = MAX_TEXT_LENGTH) -> tuple[str, ...]:
        """Return the texts of a list, without repeated ones. Add a problem for each item that is no text."""
        for index, item in enumerate(items):
            if problem := find_text_problem(item, max_length):
                self.add_problem(f"{key}[{index}]", problem)
        return tuple(dict.fromkeys(item for item in items if isinstance(item, str)))

    def parse_names(self, key: str, max_count: int) -> tuple[str, ...]:
        value = self.raw.get(key)
        if value is None:
            return ()
        if isinstance(value, list) and len(value) <= max_count and all(item.strip() for item in value if isinstance(item, str)):
            return self._parse_texts(key, value, 200)
        self.add_problem(key, f"must be a list of at most {max_count} names")
        return ()

    def parse_tags(self, key: str) -> tuple[str, ...]:
        value = self.raw.get(key)
        if value is None:
            return ()
        if isinstance(value, list) and len(value) <= MAX_TAGS and all(TAG.fullmatch(item) for item in value if isinstance(item, str)):
            return self._parse_texts(key, value)
        self.add_problem(
            key, f"must be a list of at most {MAX_TAGS} words of lower-case letters, digits, - _ . ; at most 30 characters each"
        )
        return ()

    def parse_callable(self) -> str | None:
        value = self.raw.get("callable")
        if isinstance(value, str) and len(value) <= 300 and CALLABLE.fullmatch(value):
            return value
        is_other_type = value is not None and not isinstance(value, str)
        self.add_problem("callable", describe_other_type(value) if is_other_type else "must name a function as package.module:function")
        return None

    def parse_python(self) -> str | None:
        """Return the path of an interpreter or a virtual environment. A version is no path."""
        value = self.raw.get("python")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number or (isinstance(value, str) and VERSION.fullmatch(value)):
            self.add_problem("python", "must be a path of an interpreter or a virtual environment, such as .venv or /usr/bin/python3.12")
            return None
        if isinstance(value, str) and value.startswith("~"):
            self.add_problem("python", "must be a whole path: ~ does not stand for a home folder here")
            return None
        if value is not None and (problem := find_text_problem(value, MAX_PATH_LENGTH)):
            self.add_problem("python", problem)
            return None
        return value or None

    def parse_deployment(self) -> str | None:
        value = self.raw.get("deployment")
        if problem := find_name_problem(value):
            self.add_problem("deployment", problem)
            return None
        return str(value)

    def parse_environment(self) -> Mapping[str, str]:
        value = self.raw.get("env")
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.add_problem("env", "must be an object of names and texts")
            return {}
        for name, text in value.items():
            if not isinstance(name, str) or not ENV_NAME.fullmatch(name) or name.startswith("HEADGATE_"):
                self.add_problem("env", "a name must consist of letters, digits and _, and must not begin with HEADGATE_")
            elif problem := find_text_problem(text, MAX_TEXT_LENGTH):
                self.add_problem(f"env.{name}", problem)
        return dict(value)

    def parse_request(self) -> Mapping[str, Any]:
        request, problems = http_request.parse_http_request(self.raw, self.path)
        for problem in problems:
            self.problems.append(FieldProblem(replace_unstorable(problem.field), replace_unstorable(problem.message)))
        return request

    def parse_secrets(self) -> Mapping[str, str]:
        """Return secret names by environment variable. A list names secrets whose variables have the same names."""
        value = self.raw.get("secrets")
        if value is None:
            return {}
        if isinstance(value, list) and not all(isinstance(name, str) for name in value):
            self._parse_texts("secrets", value[:MAX_SECRETS])
            return {}
        pairs = {name: name for name in value} if isinstance(value, list) else value
        if not isinstance(pairs, Mapping) or len(pairs) > MAX_SECRETS:
            self.add_problem(
                "secrets", f"must be a list of secret names, or an object of variables and secret names; at most {MAX_SECRETS}"
            )
            return {}
        env = self.raw.get("env")
        for variable, name in pairs.items():
            if not isinstance(variable, str) or not ENV_NAME.fullmatch(variable) or variable.startswith("HEADGATE_"):
                self.add_problem("secrets", "a variable must consist of letters, digits and _, and must not begin with HEADGATE_")
            elif not isinstance(name, str):
                self.add_problem(f"secrets.{variable}", describe_other_type(name))
            elif not ENV_NAME.fullmatch(name):
                self.add_problem(f"secrets.{variable}", "must be the name of a secret: letters, digits and _")
            elif isinstance(env, Mapping) and variable in env:
                self.add_problem(f"secrets.{variable}", "is already set in env")
        return dict(pairs)
