"""What is wrong with the wording of a string."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.support.strings.allowed_words import ALLOWED, IGNORED_PATHS
from tests.support.strings.banned_words import CONSTRUCTIONS, MANNERS, PHRASES
from tests.support.strings.form_rules import find_form_problem
from tests.support.strings.found_string import FoundString
from tests.support.strings.glossary import TERMS


def find_wording_problems(found: FoundString) -> Iterator[str]:
    """Yield each problem, with what to write instead."""
    for banned in (*PHRASES, *CONSTRUCTIONS, *MANNERS, *TERMS):
        words = banned.find_in(found.text)
        if words is not None:
            yield f"{words!r}: write {banned.instead}"
    problem = find_form_problem(found)
    if problem is not None:
        yield problem


def is_allowed(found: FoundString) -> bool:
    """Return True if the list of exceptions names the string."""
    return found.path in IGNORED_PATHS or any(path == found.path and part in found.text for path, part in ALLOWED)


def list_offenders(strings: Iterable[FoundString]) -> list[str]:
    """Return each string with a problem, and the problem, without the allowed ones."""
    return [f"{found} [{problem}]" for found in strings if not is_allowed(found) for problem in find_wording_problems(found)]


def list_unused_exceptions(strings: Iterable[FoundString]) -> list[tuple[str, str]]:
    """Return the exceptions that no string needs."""
    needed = [found for found in strings if next(find_wording_problems(found), None) is not None]
    return [(path, part) for path, part in ALLOWED if not any(path == found.path and part in found.text for found in needed)]
