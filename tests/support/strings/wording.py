"""What is wrong with the wording of a string."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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


def list_offenders(strings: Iterable[FoundString]) -> list[str]:
    """Return each string with a problem, and the problem."""
    return [f"{found} [{problem}]" for found in strings for problem in find_wording_problems(found)]
