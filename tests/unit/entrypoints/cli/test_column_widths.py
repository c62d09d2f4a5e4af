import pytest
from rich.cells import cell_len

from entrypoints.cli.screens.column_widths import fit_columns, shorten_end, shorten_middle


@pytest.mark.parametrize(
    ("widths", "available", "expected"),
    [
        ([3, 11, 5], 80, [3, 11, 5]),
        ([20, 11, 100], 80, [20, 11, 45]),
        ([100, 11, 100], 80, [35, 11, 30]),
        ([100, 11, 3, 12, 18, 100], 80, [14, 11, 3, 12, 18, 12]),
        ([100, 11, 100], 20, [14, 0, 0]),
    ],
)
def test_the_sentence_is_shortened_first_then_the_name(widths: list[int], available: int, expected: list[int]) -> None:
    assert fit_columns(widths, available) == expected


@pytest.mark.parametrize("text", ["short", "n" * 100, "日本語" * 30, "é" * 50, "a日" * 40])
@pytest.mark.parametrize("width", [1, 2, 5, 20])
def test_a_shortened_text_fits_and_says_that_it_is_shortened(text: str, width: int) -> None:
    for shorten in (shorten_end, shorten_middle):
        shown = shorten(text, width, "…")

        assert cell_len(shown) <= width
        assert shown == text or "…" in shown


def test_a_shortened_name_keeps_both_ends() -> None:
    assert shorten_middle("warehouse-of-the-north-daily", 15, "…") == "warehouse-…aily"
