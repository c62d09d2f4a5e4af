"""Log to stdout: JSON objects, one per line, or plain lines in a terminal. Secrets are redacted."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from pydantic import SecretStr

from application.ports.telemetry.telemetry import Telemetry
from entrypoints.settings import Settings

Event = MutableMapping[str, Any]
_NOISY_LOGGERS = ("httpx", "httpcore", "uvicorn.access", "uvicorn.error", "websockets", "asyncio", "alembic", "prefect", "urllib3")
_MINIMUM_LEVELS = {"ddtrace": logging.ERROR, "datadog": logging.CRITICAL}
"""Levels for libraries that repeat a warning about an unreachable agent: ddtrace once a minute, datadog once a second."""
_FIRST_KEYS = ("timestamp", "level", "message", "logger", "service", "env", "version", "process", "dd.trace_id", "dd.span_id")
_URL_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@\s/]+@")
_AUTHORIZATION = re.compile(r"(?i)(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")
_REDACTED = "********"


def configure(settings: Settings, process: str, telemetry: Telemetry) -> None:
    """Make every logger, including those of libraries, write the same format. Call it once, before anything is logged."""
    on_terminal = sys.stdout.isatty()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder({"stream"}),
        structlog.processors.format_exc_info,
        _ProcessContext(process, telemetry, on_terminal),
        structlog.processors.EventRenamer("message"),
        _SecretRedactor(settings),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderers: list[Any] = [_render_for_terminal] if on_terminal else [_order_keys, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name in _NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name, level in _MINIMUM_LEVELS.items():
        use_root_handlers(name)
        logging.getLogger(name).setLevel(level)


def use_root_handlers(prefix: str) -> None:
    """Remove the handlers that a library installed for its loggers, so that the root logger handles them."""
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and (name == prefix or name.startswith(prefix + ".")):
            logger.handlers[:] = []
            logger.propagate = True


class _ProcessContext:
    """Adds the process, service, environment, version and span to an event. In a terminal, adds the process only."""

    def __init__(self, process: str, telemetry: Telemetry, on_terminal: bool) -> None:
        names = {name: os.environ.get(f"DD_{name.upper()}") for name in ("service", "env", "version")}
        names["service"] = names["service"] or "headgate"
        self._process = process
        self._constant_fields = {} if on_terminal else {name: value for name, value in names.items() if value}
        self._telemetry = None if on_terminal else telemetry

    def __call__(self, _logger: Any, _method: str, event: Event) -> Event:
        event.setdefault("process", self._process)
        event.update(self._constant_fields)
        if self._telemetry is not None:
            event.update(self._telemetry.log_context())
        return event


class _SecretRedactor:
    """Redacts the secrets of the settings, and text that looks like a password or a token, in every value of an event."""

    def __init__(self, settings: Settings) -> None:
        fields = [getattr(settings, name, None) for name in type(settings).model_fields]
        values = {field.get_secret_value() for field in fields if isinstance(field, SecretStr)}
        self._secrets = sorted((value for value in values if len(value) >= 6), key=len, reverse=True)

    def __call__(self, _logger: Any, _method: str, event: Event) -> Event:
        for name, value in event.items():
            event[name] = self._redact_value(value)
        return event

    def _redact_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._redact_text(value)
        if isinstance(value, Mapping):
            return {key: self._redact_value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._redact_value(item) for item in value]
        if value is None or isinstance(value, (bool, int, float)) or str(value).startswith("<"):
            return value
        return self._redact_text(str(value))

    def _redact_text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, _REDACTED)
        return _AUTHORIZATION.sub(rf"\1 {_REDACTED}", _URL_PASSWORD.sub(rf"\1:{_REDACTED}@", text))


def _order_keys(_logger: Any, _method: str, event: Event) -> Event:
    first = {name: event[name] for name in _FIRST_KEYS if name in event}
    return first | {name: value for name, value in event.items() if name not in first}


def _render_for_terminal(_logger: Any, _method: str, event: Event) -> str:
    """Return `12:30:01 warning  worker  text  name=value`, with control characters escaped, and a traceback on lines below."""
    time, level, text = str(event.pop("timestamp", ""))[11:19], event.pop("level", ""), event.pop("message", "")
    process, traceback = event.pop("process", ""), event.pop("exception", None)
    event.pop("logger", None)
    fields = "  ".join(f"{name}={value}" for name, value in event.items() if not name.startswith("_"))
    line = _CONTROL_CHARACTERS.sub(lambda match: ascii(match.group())[1:-1], f"{time} {level:7} {process:6} {text}  {fields}".rstrip())
    if traceback is None:
        return line
    return f"{line}\n{_CONTROL_CHARACTERS.sub(lambda match: match.group() if match.group() == chr(10) else ' ', traceback)}"
