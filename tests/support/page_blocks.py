"""The fenced blocks of README, the tutorial and the how-to pages, and the test that runs each of them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.support.paths import ROOT

_MAKE: Final = "tests/system/test_readme_examples.py::test_make_starts_headgate_and_the_tests"
_WHEEL: Final = "tests/integration/installation/test_wheel.py::test_the_commands_of_the_readme_build_install_and_start_headgate"
_EXAMPLES: Final = "tests/system/test_readme_examples.py::test_every_example_answers_as_its_page_says"
_TUTORIAL: Final = "tests/system/test_readme_examples.py::test_the_tutorial_works_from_an_empty_folder"
_ALERTS: Final = "tests/system/alerts/test_alerting.py::test_the_alerts_of_the_tutorial_arrive"
_PIPELINE: Final = "tests/system/test_readme_examples.py::test_the_pipeline_of_the_how_to_page_completes"
_ENVIRONMENT: Final = "tests/system/test_readme_examples.py::test_the_environment_of_the_how_to_page_has_the_packages_of_the_team"
_SCHEDULES: Final = "tests/system/test_readme_examples.py::test_the_schedules_of_the_how_to_page_are_stored"
_LIMITS: Final = "tests/system/test_readme_examples.py::test_the_limits_of_the_how_to_page_hold"
_ACCESS: Final = "tests/system/test_team_sign_in.py::test_a_team_signs_in_and_sends_tokens_as_the_page_says"
_TEAM: Final = "tests/system/team/test_first_start.py::test_the_pages_lead_to_two_webs_and_two_workers"
_WORKERS: Final = "tests/system/test_added_workers.py::test_workers_on_another_machine_join_and_serve_another_pool"
_CONTAINERS: Final = "tests/integration/docker/test_compose_up.py::test_the_commands_of_the_page_start_a_headgate_that_runs_pipelines"

TESTS_BY_PAGE: Final[Mapping[str, tuple[str, ...]]] = {
    "README.md": (_MAKE, _WHEEL, *[_EXAMPLES] * 4),
    "docs/tutorial.md": (*[_TUTORIAL] * 9, *[_ALERTS] * 4),
    "docs/how-to/add-workers.md": (_WORKERS,) * 7,
    "docs/how-to/alert-on-failures.md": ("tests/system/alerts/test_alerting.py::test_the_commands_of_the_page_work",) * 5,
    "docs/how-to/backfill.md": ("tests/system/test_backfilling.py::test_the_commands_of_the_page_work",) * 2,
    "docs/how-to/keep-pipelines-in-a-folder.md": ("tests/system/test_folder_of_pipelines.py::test_the_commands_of_the_page_work",) * 5,
    "docs/how-to/limit-concurrency.md": (_LIMITS,) * 5,
    "docs/how-to/report-from-another-machine.md": (_EXAMPLES,),
    "docs/how-to/manage-access.md": (_ACCESS,) * 4,
    "docs/how-to/run-for-a-team.md": (_TEAM,) * 11,
    "docs/how-to/operate-it.md": (_TEAM,) * 8,
    "docs/how-to/run-in-containers.md": (_CONTAINERS,) * 5,
    "docs/how-to/pause-and-archive.md": ("tests/system/test_pausing.py::test_the_commands_of_the_page_work",),
    "docs/how-to/run-prefect-deployments.md": ("tests/system/test_prefect_deployments.py::test_the_commands_of_the_page_work",) * 4,
    "docs/how-to/schedule-a-pipeline.md": (_SCHEDULES,) * 6,
    "docs/how-to/use-the-api.md": (_EXAMPLES,) * 5,
    "docs/how-to/write-a-pipeline.md": (*[_PIPELINE] * 2, *[_ENVIRONMENT] * 3),
}
"""For each page, the test that runs its first block, its second, and so on."""

_FENCED: Final = re.compile(r"^( *)```(\w*)\n(.*?)^\1```\n", re.DOTALL | re.MULTILINE)
_ANSWERS: Final = frozenset({"json", "text"})


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. `answer` is the block of JSON or text right below it: what the reader sees after running it."""

    language: str
    text: str
    answer: str | None = None


def parse_blocks(markdown: str) -> list[Block]:
    """Return the blocks in order. Answers belong to the block above and are not listed."""
    blocks: list[Block] = []
    end = -1
    for found in _FENCED.finditer(markdown):
        language, text = found[2], textwrap.dedent(found[3])
        if language in _ANSWERS and found.start() == end:
            blocks[-1] = Block(blocks[-1].language, blocks[-1].text, text)
        else:
            blocks.append(Block(language, text))
        end = found.end()
    return blocks


def read_blocks(page: str) -> list[Block]:
    return parse_blocks((ROOT / page).read_text())


def find_blocks(test: str) -> list[Block]:
    """Return the blocks that a test runs, page by page. `test` is `path::function`."""
    return [block for page, tests in TESTS_BY_PAGE.items() for block, name in zip(read_blocks(page), tests, strict=True) if name == test]


def find_start_command(page: str) -> str:
    """Return the one block of the page that starts Headgate."""
    (block,) = [block for block in read_blocks(page) if block.text.endswith("make run\n")]
    return block.text
