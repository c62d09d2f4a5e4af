"""Regular expressions with a bounded cost."""

from functools import lru_cache

from jsonschema_rs import Draft202012Validator, FancyRegexOptions, RegexOptions, ValidationError

_KIB = 1024
_MAX_SIZE = 128 * _KIB
_STEPS_BY_SIZE = ((_KIB, 30), (4 * _KIB, 120), (32 * _KIB, 1_000), (_MAX_SIZE, 4_000))
"""The most steps that one character takes, by the compiled size of a pattern. A step is about 16 ns."""
_BACKTRACKING_STEPS = 2_000
PATTERN_OPTIONS = FancyRegexOptions(backtrack_limit=10_000, size_limit=_MAX_SIZE, dfa_size_limit=512 * _KIB)
"""Patterns run in linear time. Those with lookaround or back references give up after 10,000 steps back."""


@lru_cache(maxsize=1_024)
def count_steps_per_character(pattern: str) -> int | None:
    """Return the most steps that the pattern takes for one character of a text. None if it is no regular expression, or too large."""
    for size, steps in _STEPS_BY_SIZE:
        if _compiles(pattern, RegexOptions(size_limit=size, dfa_size_limit=512 * _KIB)):
            return steps
    return _BACKTRACKING_STEPS if _compiles(pattern, PATTERN_OPTIONS) else None


def _compiles(pattern: str, options: RegexOptions | FancyRegexOptions) -> bool:
    try:
        Draft202012Validator({"pattern": pattern}, pattern_options=options, offline=True)
    except ValidationError:
        return False
    return True
