"""Lines to copy name the command as the shell in which Headgate was started finds it."""

import pytest

from tests.support.in_process import InProcessHeadgate

COMMAND = "'/srv/a checkout/.venv/bin/headgate'"


@pytest.mark.parametrize("path", ["/", "/ui/pipelines/flights"])
async def test_a_page_names_the_command_as_it_is_on_the_path(path: str) -> None:
    headgate = InProcessHeadgate(command=COMMAND)
    if path.endswith("flights"):
        await headgate.api.create_pipeline()

    page = (await headgate.page_client.get(path)).text.replace("&#39;", "'")

    assert f"{COMMAND} " in page and ">headgate " not in page
