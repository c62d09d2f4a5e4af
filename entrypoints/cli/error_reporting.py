"""Turn errors that an operator can fix into one line on stderr and exit code 2."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator

CLOSED_OUTPUT = 128 + 13
KNOWN_ERRORS = frozenset(
    {
        ("adapters.secret_file", "SecretFileError"),
        ("adapters.persistence.embedded.errors", "EmbeddedServerError"),
        ("domain.errors", "Unavailable"),
        ("entrypoints.settings", "SettingsError"),
        ("entrypoints.supervisor.instance_lock", "StartError"),
    }
)
"""Module and class names. Classes would have to be imported, and every command would pay for that."""


@contextlib.contextmanager
def exit_on_known_errors() -> Iterator[None]:
    """Print a known error as one line and exit with code 2. Let any other error through with its traceback."""
    try:
        yield
    except Exception as error:
        if not is_known_error(error):
            raise
        print(f"headgate: {error}", file=sys.stderr)
        sys.exit(2)


@contextlib.contextmanager
def end_on_closed_output() -> Iterator[None]:
    """Exit as a program does that SIGPIPE ends if nothing reads the output any more, as after `| head`."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes again at its end, and would print the error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(CLOSED_OUTPUT)


def escape_unprintable_characters() -> None:
    """Write characters that the terminal's encoding does not have as escapes. Otherwise, printing them would be an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def is_known_error(error: Exception) -> bool:
    return any((kind.__module__, kind.__name__) in KNOWN_ERRORS for kind in type(error).__mro__)
