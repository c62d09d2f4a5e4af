"""Logs on stdout: one JSON object a line, or plain lines for a person at a terminal. Secrets never reach them."""

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
_NOISY = ("httpx", "httpcore", "uvicorn.access", "uvicorn.error", "websockets", "asyncio", "alembic", "prefect")
_MINIMUM_LEVELS = {"ddtrace": logging.ERROR, "datadog": logging.CRITICAL}
"""An agent that is away is told of once a minute by the first, and would be every second by the second."""
_FIRST_KEYS = ("timestamp", "level", "message", "logger", "service", "env", "version", "process", "dd.trace_id", "dd.span_id")
_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@\s/]+@")
_BEARER = re.compile(r"(?i)(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")
_HIDDEN = "********"


def configure(settings: Settings, process: str, telemetry: Telemetry) -> None:
    """Every logger, ours and the libraries', writes the same lines. Called once, before anything is logged."""
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
    last: list[Any] = [_render_for_terminal] if on_terminal else [_order_keys, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for seldom, least in _MINIMUM_LEVELS.items():
        use_root_handlers(seldom)
        logging.getLogger(seldom).setLevel(least)


def use_root_handlers(prefix: str) -> None:
    """Have a library that set up handlers of its own write as we do."""
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and (name == prefix or name.startswith(prefix + ".")):
            logger.handlers[:] = []
            logger.propagate = True


class _ProcessContext:
    """Says of a line which service, version and span it belongs to."""

    def __init__(self, process: str, telemetry: Telemetry, on_terminal: bool) -> None:
        names = {name: os.environ.get(f"DD_{name.upper()}") for name in ("service", "env", "version")}
        names["service"] = names["service"] or "headgate"
        self._process = process
        self._same = {} if on_terminal else {name: value for name, value in names.items() if value}
        self._telemetry = None if on_terminal else telemetry

    def __call__(self, _logger: Any, _method: str, event: Event) -> Event:
        event.setdefault("process", self._process)
        event.update(self._same)
        if self._telemetry is not None:
            event.update(self._telemetry.log_context())
        return event


class _SecretRedactor:
    """Hides what the settings hold secret, and whatever looks like a password or a token, in every text of a line."""

    def __init__(self, settings: Settings) -> None:
        fields = [getattr(settings, name, None) for name in type(settings).model_fields]
        values = {field.get_secret_value() for field in fields if isinstance(field, SecretStr)}
        self._values = sorted((value for value in values if len(value) >= 6), key=len, reverse=True)

    def __call__(self, _logger: Any, _method: str, event: Event) -> Event:
        for name, value in event.items():
            event[name] = self._clean(value)
        return event

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._redact(value)
        if isinstance(value, Mapping):
            return {key: self._clean(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._clean(item) for item in value]
        return value if value is None or isinstance(value, (bool, int, float)) or str(value).startswith("<") else self._redact(str(value))

    def _redact(self, text: str) -> str:
        for secret in self._values:
            text = text.replace(secret, _HIDDEN)
        return _BEARER.sub(rf"\1 {_HIDDEN}", _PASSWORD.sub(rf"\1:{_HIDDEN}@", text))


def _order_keys(_logger: Any, _method: str, event: Event) -> Event:
    return {name: event[name] for name in _FIRST_KEYS if name in event} | {
        name: value for name, value in event.items() if name not in _FIRST_KEYS
    }


def _render_for_terminal(_logger: Any, _method: str, event: Event) -> str:
    """`12:30:01 warning  worker  text  name=value`: what a line holds stays on its line, but for a traceback of ours."""
    moment, level, text = str(event.pop("timestamp", ""))[11:19], event.pop("level", ""), event.pop("message", "")
    process, trace = event.pop("process", ""), event.pop("exception", None)
    event.pop("logger", None)
    rest = "  ".join(f"{name}={value}" for name, value in event.items() if not name.startswith("_"))
    line = _CONTROL.sub(lambda found: ascii(found.group())[1:-1], f"{moment} {level:7} {process:6} {text}  {rest}".rstrip())
    return f"{line}\n{_CONTROL.sub(lambda found: found.group() if found.group() == chr(10) else ' ', trace)}" if trace else line
