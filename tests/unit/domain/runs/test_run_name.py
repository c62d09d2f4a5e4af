import pytest

from domain.runs.run_name import RunName, parse_run_name


@pytest.mark.parametrize("text", ["etl#12", "nightly.load-2_x#1", f"{'n' * 100}#999999999999999999"])
def test_a_run_name_is_parsed_and_written_the_same(text: str) -> None:
    assert str(parse_run_name(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "12", "#12", "etl", "etl#", "etl#0", "etl#012", "etl #12", "etl#1,234", "etl#-1", "1etl#2", "etl#12#3", "etl#1\n", "é#1"],
)
def test_other_texts_are_no_run_names(text: str) -> None:
    assert parse_run_name(text) is None


def test_a_run_name_has_the_pipeline_and_the_number() -> None:
    assert parse_run_name("etl#12") == RunName("etl", 12)
