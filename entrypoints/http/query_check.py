"""Refuse query parameters that a route does not know: a misspelt filter must not return everything."""

from collections import Counter
from difflib import get_close_matches
from urllib.parse import parse_qsl

from domain.errors import FieldProblem, InvalidInput
from domain.text_validation import replace_unstorable

_MAX_PROBLEMS = 20


def check_query(query_string: bytes, known: frozenset[str], repeatable: frozenset[str] = frozenset()) -> None:
    """Raise InvalidInput that names every unknown parameter, and every one that is given twice although it has one value."""
    counts = Counter(name for name, _ in parse_qsl(query_string.decode("latin-1"), keep_blank_values=True))
    unknown = [name for name in counts if name not in known][:_MAX_PROBLEMS]
    problems = [FieldProblem(replace_unstorable(name[:60]), _describe_unknown(name, known)) for name in unknown]
    single = known - repeatable
    problems += [FieldProblem(name, "must be set only once") for name, count in counts.items() if count > 1 and name in single]
    if problems:
        raise InvalidInput(problems)


def _describe_unknown(name: str, known: frozenset[str]) -> str:
    if not known:
        return "unknown query parameter; this route takes none"
    nearest = get_close_matches(name[:60].lower(), sorted(known), 1, 0.5)
    hint = f"did you mean {nearest[0]}? " if nearest else ""
    return f"unknown query parameter; {hint}known parameters: {', '.join(sorted(known))}"
