"""Calls a stage's Python function, in the forked child or in the interpreter that the stage names.

Standard library only, and Python 3.8 or newer.
"""

from __future__ import annotations

import atexit
import builtins
import importlib
import inspect
import io
import os
import signal
import sys
import time
import traceback
import types
from typing import TYPE_CHECKING, Any

from entrypoints.worker.stage_host.result_limits import limit_result, shorten
from entrypoints.worker.stage_host.trace_context import activate_trace_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from entrypoints.worker.stage_host.protocol import Message

_ERROR_LIMIT = 4000


class InvalidCallable(Exception):
    """The definition's `callable` does not name a function."""


class InvalidResult(Exception):
    """The callable returned a value that cannot be stored as the stage's output."""


def call(start: Message, prepare_imports: Callable[[], None], send_result: Callable[[Message], None]) -> int:
    """Import the target, call it, and send its result or error. Return the exit code."""
    _prepare_interpreter(start)
    prepare_imports()
    try:
        target = _import_target(start["callable"], _describe_places(start))
        activate_trace_context()
        result = _call_target(target, start["parameters"])
        code = _finalize_interpreter()
        send_result(result if code == 0 else {"error": f"The stage's last steps ended with {code}"})
    except SystemExit as exit_request:
        code = _get_exit_code(exit_request)
        _finalize_interpreter()
    except (InvalidCallable, InvalidResult) as failure:
        print(failure, file=sys.stderr)
        send_result({"error": str(failure)})
        code = 1
        _finalize_interpreter()
    except BaseException as failure:
        _print_trimmed(failure)
        send_result({"error": _format_error(failure)})
        code = 1
        _finalize_interpreter()
    return code


def _prepare_interpreter(start: Message) -> None:
    # A user's import must not find one of our modules.
    for name in [name for name in sys.modules if name.partition(".")[0] == "entrypoints"]:
        del sys.modules[name]
    sys.modules["__main__"] = types.ModuleType("__main__")
    os.environ.clear()
    os.environ.update(start["env"])
    time.tzset()
    sys.argv = [start["callable"]]
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.__stdout__ = _line_buffered(1)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _line_buffered(2)  # type: ignore[misc]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # As an interpreter does: a Python program expects an exception for a failed write, not a signal that kills it.
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_IGN)


def _line_buffered(descriptor: int) -> io.TextIOWrapper:
    # As on a terminal, also at a carriage return. Without a buffer, the lines of several threads would be mixed.
    return open(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


def _describe_places(start: Message) -> str:
    packages = f"the packages of {start['python']}" if start["python"] else "the worker's packages"
    return f"looked in {start['cwd']} and in {packages}"


def _import_target(name: str, places: str) -> Callable[..., Any]:
    module_name, _, path = name.partition(":")
    if not module_name or not path:
        raise InvalidCallable(f"{name!r} does not name a function: write package.module:function")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as missing:
        if missing.name and (module_name == missing.name or module_name.startswith(missing.name + ".")):
            raise InvalidCallable(f"No module named {missing.name!r} ({places})") from None
        raise
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise InvalidCallable(f"No function {path!r} in module {module_name!r} ({getattr(found, '__file__', 'built in')})") from None
    if not callable(found):
        raise InvalidCallable(f"{name} cannot be called: it is {_describe_type(found)}")
    target: Callable[..., Any] = found
    return target


def _call_target(target: Callable[..., Any], parameters: dict[str, Any]) -> Message:
    """Return the message with the result, and with a note if the result is left out."""
    value = target(**_select_arguments(target, parameters))
    if inspect.iscoroutine(value):
        import asyncio

        value = asyncio.run(value)
    if value is None:
        return {"result": None}
    if not isinstance(value, dict):
        raise InvalidResult(f"The callable returned {_describe_type(value)}: return a dict of outputs, or nothing")
    try:
        result, note = limit_result(value)
    except TypeError as failure:
        raise InvalidResult(f"The callable's result cannot be written as JSON: {failure}") from None
    return {"result": result, "note": note}


def _select_arguments(target: Callable[..., Any], parameters: dict[str, Any]) -> dict[str, Any]:
    # The parameters are those of the whole pipeline: a function gets the ones it names, or all of them if it has **keywords.
    try:
        taken = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return parameters
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in taken):
        return parameters
    named = {one.name for one in taken if one.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)}
    return {name: value for name, value in parameters.items() if name in named}


def _finalize_interpreter() -> int:
    """Wait for threads, run exit functions and flush, as an interpreter does at its end. Return 0, or 120 if that fails."""
    code = 0
    wait_for_threads = getattr(sys.modules.get("threading"), "_shutdown", None)  # the user's own `threading.py` has none
    try:
        if wait_for_threads is not None:
            wait_for_threads()
        atexit._run_exitfuncs()
    except BaseException as failure:
        traceback.print_exception(type(failure), failure, failure.__traceback__)
        code = 120
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = 120
    return code


def _get_exit_code(exit_request: SystemExit) -> int:
    if exit_request.code is None:
        return 0
    if isinstance(exit_request.code, int):
        return exit_request.code & 0xFF
    print(exit_request.code, file=sys.stderr)
    return 1


def _print_trimmed(failure: BaseException) -> None:
    place = failure.__traceback__
    while place and _is_internal_frame(place.tb_frame.f_code.co_filename):
        place = place.tb_next
    traceback.print_exception(type(failure), failure, place)


def _is_internal_frame(file: str) -> bool:
    asyncio = sys.modules.get("asyncio")
    folder = os.path.dirname(asyncio.__file__ or "") if asyncio else ""  # noqa: PTH120
    return file in (__file__, importlib.__file__) or file.startswith("<frozen importlib") or (folder != "" and file.startswith(folder))


def _format_error(failure: BaseException) -> str:
    try:
        text = str(failure)
    except Exception:
        text = "(the exception could not be printed)"
    name = type(failure).__name__
    return shorten(f"{name}: {text}", _ERROR_LIMIT) if text else name


def _describe_type(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def install_exit_builtins() -> None:
    """Define `exit` and `quit`: the host runs without the `site` module, which usually does so."""
    import site

    if not hasattr(builtins, "exit"):
        site.setquit()
