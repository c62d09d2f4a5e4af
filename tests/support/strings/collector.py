"""All strings that people read, of every kind of file."""

from __future__ import annotations

from functools import cache

from tests.support.strings.document_strings import find_document_strings
from tests.support.strings.found_string import FoundString
from tests.support.strings.python_strings import find_python_strings
from tests.support.strings.script_strings import find_script_strings
from tests.support.strings.template_strings import find_template_strings


@cache
def collect_strings() -> tuple[FoundString, ...]:
    """Return every string, in order of path and line within each kind of file."""
    return (*find_template_strings(), *find_script_strings(), *find_python_strings(), *find_document_strings())
