import pytest

from tests.unit.entrypoints.cli.conftest import RunCommand


@pytest.mark.parametrize("text", ["etl", "etl#", "etl#0", "#12", "7.0", "etl/12", "٣"])
def test_a_text_that_is_neither_a_name_nor_an_id_is_refused(headgate: RunCommand, text: str) -> None:
    result = headgate("cancel", text)

    assert result.returncode == 2
    assert "is not a run: write its name, such as etl#12, or its id" in " ".join(result.stderr.replace("│", " ").split())
