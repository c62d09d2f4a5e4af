"""Texts of forms are read whole, or refused."""

import pytest

from domain.errors import InvalidInput
from entrypoints.web.form_data import MAX_TEXT_LENGTH, get_text


def test_a_text_is_read_without_the_spaces_around_it() -> None:
    assert get_text({"message": [" why\0 "]}, "message") == "why"
    assert get_text({}, "message") == ""


def test_a_text_that_is_too_long_is_refused_instead_of_cut() -> None:
    assert len(get_text({"message": ["x" * MAX_TEXT_LENGTH]}, "message")) == MAX_TEXT_LENGTH
    with pytest.raises(InvalidInput) as refused:
        get_text({"message": ["x" * (MAX_TEXT_LENGTH + 1)]}, "message")

    assert [(problem.field, problem.message) for problem in refused.value.problems] == [("message", "must have at most 2,000 characters")]
