"""Prepares the environment variables, the working directory and the files of a stage's process."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from application.ports.system.secrets import Secrets, SecretUnavailable
from domain.pipelines.http_request import HTTP_STAGE_KEYS, get_secret_names
from entrypoints.worker.http_stage.http_request import build_request
from entrypoints.worker.runner.login_environment import build_login_environment, get_proxy_passwords
from entrypoints.worker.runner.ports import StageEnvironmentError, StageStart
from entrypoints.worker.runner.stage_interpreter import StageInterpreter, find_interpreter
from entrypoints.worker.stage_host.job import JobSpec
from entrypoints.worker.stage_host.secret_masker import SecretMasker

TRACE_VARIABLES: Final = ("TRACEPARENT", "TRACESTATE", "BAGGAGE")

VALUE_LIMIT: Final = 64 * 1024
TOTAL_LIMIT: Final = 512 * 1024
"""The most bytes of one parameter, and of all, that become variables: with more, the system may not start a program. The
parameters file has all of them."""


@dataclass(frozen=True, slots=True)
class StageSettings:
    """The worker's settings for stages: the base of relative `workdir`s, the directory of run files, the worker's environment.

    `stage_env` are variables that this worker adds to every stage's environment.
    """

    workdir: Path
    runs: Path
    environment: Mapping[str, str]
    secrets: Secrets | None = None
    http_allow: tuple[str, ...] = ()
    http_ports: tuple[int, ...] = (80, 443)
    stage_env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StageEnvironment:
    """The environment of a stage's process. `run_dir` is shared by the stages of one run on this worker.

    `python` is the interpreter that a `python` stage names, if it names one.
    """

    env: Mapping[str, str]
    cwd: Path
    parameters_file: Path
    run_dir: Path
    masker: SecretMasker = field(default_factory=lambda: SecretMasker(()))
    request: Mapping[str, Any] = field(default_factory=dict)
    python: str = ""


@dataclass(frozen=True, slots=True)
class StageJobBuilder:
    """Implements JobBuilder on this machine's file system."""

    settings: StageSettings

    def build(self, start: StageStart) -> JobSpec:
        return build_job(start, build_stage_environment(start, self.settings))


def build_stage_environment(start: StageStart, settings: StageSettings) -> StageEnvironment:
    """Create the run's directory and the parameters file (0600), and return what the process gets. Raises StageEnvironmentError."""
    cwd = _resolve_workdir(start, settings)
    interpreter = _find_interpreter(start, settings)
    secrets = _read_secrets(start, settings)
    root = settings.runs / str(start.run_id)
    run_dir, parameters_dir = root / "files", root / "parameters"
    for folder in (root, run_dir, parameters_dir):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    parameters_file = parameters_dir / f"{start.attempt}-{re.sub(r'[^A-Za-z0-9_.-]', '_', start.stage)}.json"
    _write_private_file(parameters_file, json.dumps(dict(start.parameters)))
    variables = build_variables(start, settings, parameters_file, run_dir)
    if interpreter is not None:
        variables = interpreter.activate(variables)
    request = _build_http_request(start, settings, secrets) if start.kind == "http" else {}
    if start.kind != "http":
        variables |= secrets
    masker = SecretMasker((*secrets.values(), start.token, *get_proxy_passwords(settings.environment)))
    python = interpreter.program if interpreter is not None else ""
    return StageEnvironment(variables, cwd, parameters_file, run_dir, masker, request, python)


def build_variables(start: StageStart, settings: StageSettings, parameters_file: Path, run_dir: Path) -> dict[str, str]:
    """Return all variables. Those of the definition override the worker's `stage_env` and inherited ones; Headgate's own override all."""
    own = {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in (start.spec.get("env") or {}).items()}
    headgate = {
        "HEADGATE_URL": start.url,
        "HEADGATE_RUN_ID": str(start.run_id),
        "HEADGATE_STAGE": start.stage,
        "HEADGATE_ATTEMPT": str(start.attempt),
        "HEADGATE_TOKEN": start.token,
        "HEADGATE_RUN_DIR": str(run_dir),
        "HEADGATE_PARAMETERS_FILE": str(parameters_file),
    }
    if start.scheduled_for is not None:
        headgate["HEADGATE_SCHEDULED_FOR"] = start.scheduled_for
    trace = {name.upper(): value for name, value in start.trace.items() if name.upper() in TRACE_VARIABLES}
    inherited = build_login_environment(settings.environment) | dict(settings.stage_env)
    variables = inherited | own | _parameter_variables(start.parameters) | headgate | trace
    return {name: _replace_unencodable(value) for name, value in variables.items()}


def build_job(start: StageStart, environment: StageEnvironment) -> JobSpec:
    """Return the process to start. Raises StageEnvironmentError for a kind of stage that runs in no process."""
    cwd = str(environment.cwd)
    if start.kind == "python":
        return JobSpec(
            "python",
            cwd,
            environment.env,
            callable=start.spec["callable"],
            python=environment.python,
            parameters=start.parameters,
            masker=environment.masker,
        )
    if start.kind == "http":
        return JobSpec("http", cwd, environment.env, request=environment.request, masker=environment.masker)
    if start.kind != "command":
        raise StageEnvironmentError(f"A stage of kind {start.kind} is not run by a process")
    command = start.spec.get("command") or []
    argv = [command] if isinstance(command, str) else [str(argument) for argument in command]
    return JobSpec("command", cwd, environment.env, argv, shell=bool(start.spec.get("shell", False)), masker=environment.masker)


def _build_http_request(start: StageStart, settings: StageSettings, secrets: Mapping[str, str]) -> dict[str, Any]:
    spec = {key: start.spec[key] for key in HTTP_STAGE_KEYS}
    try:
        request = build_request(spec, start.parameters, secrets)
    except ValueError as wrong:
        raise StageEnvironmentError(str(wrong)) from None
    ca_file = settings.environment.get("SSL_CERT_FILE")
    return request | {"allow": list(settings.http_allow), "ports": list(settings.http_ports), "ca_file": ca_file}


def _read_secrets(start: StageStart, settings: StageSettings) -> dict[str, str]:
    asked: Mapping[str, str] = start.spec.get("secrets") or {}
    if start.kind == "http":
        asked = {name: name for name in get_secret_names(start.spec)}
    if not asked:
        return {}
    if settings.secrets is None:
        raise StageEnvironmentError("This worker has no secrets.")
    try:
        known = settings.secrets.read(asked.values())
    except SecretUnavailable as missing:
        raise StageEnvironmentError(str(missing)) from None
    return {variable: known[name] for variable, name in asked.items()}


def _find_interpreter(start: StageStart, settings: StageSettings) -> StageInterpreter | None:
    named = start.spec.get("python")
    if start.kind != "python" or not named:
        return None
    return find_interpreter(named, settings.workdir.resolve(), settings.environment.get("PATH", os.defpath))


def _resolve_workdir(start: StageStart, settings: StageSettings) -> Path:
    base = settings.workdir.resolve()
    asked = start.spec.get("workdir") or "."
    # An absolute path is deliberate; a relative one that leaves the directory is a mistake.
    cwd = (base / asked).resolve()
    if not Path(asked).is_absolute() and not cwd.is_relative_to(base):
        raise StageEnvironmentError(f"The working directory {asked!r} is outside {base}: use an absolute path if that is intended")
    return cwd


def _parameter_variables(parameters: Mapping[str, Any]) -> dict[str, str]:
    variables: dict[str, str] = {}
    room = TOTAL_LIMIT
    for name, value in parameters.items():
        variable = "HEADGATE_PARAM_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
        text = _to_text(value)
        size = len(text.encode("utf-8", "replace")) + len(variable)
        if size <= min(VALUE_LIMIT, room):
            # Of two names that become one variable, the first has it; the file has both.
            variables.setdefault(variable, text)
            room -= size
    return variables


def _to_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    # JSON's true and false too: a shell script compares them with what the trigger was given.
    return json.dumps(value)


def _replace_unencodable(value: str) -> str:
    # The environment holds no NUL; a path may hold bytes that are no UTF-8, which surrogates stand for, so those that cannot be
    # turned back are replaced and no others.
    value = value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace").decode()
    return value


def _write_private_file(file: Path, text: str) -> None:
    """Write a file that other users can never read, and do not follow a symbolic link."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as target:
        target.write(text)
