"""Texts of forms are read whole, or refused."""

import pytest

from domain.errors import InvalidInput
from entrypoints.web.form_data import MAX_COMMENT_LENGTH, get_comment, get_text


def test_a_text_is_read_without_the_spaces_around_it() -> None:
    assert get_text({"message": [" why\0 "]}, "message") == "why"
    assert get_text({}, "message") == ""


def test_a_comment_that_is_too_long_is_refused_instead_of_cut() -> None:
    assert len(get_comment({"message": ["x" * MAX_COMMENT_LENGTH]}, "message")) == MAX_COMMENT_LENGTH
    with pytest.raises(InvalidInput) as refused:
        get_comment({"message": ["x" * (MAX_COMMENT_LENGTH + 1)]}, "message", "reason")

    assert [(each.field, each.message) for each in refused.value.problems] == [("reason", "must be at most 2,000 characters long")]
