"""Registers the example pipelines on a board that is empty, so that a newcomer has something to trigger."""

from pathlib import Path

import yaml

from application.commands.pipelines.create_pipeline import CreatePipeline
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from domain.errors import NameTaken

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


async def register_example_pipelines(create_pipeline: CreatePipeline, open_unit_of_work: OpenUnitOfWork) -> list[str]:
    """The names registered; none when a pipeline exists already."""
    async with open_unit_of_work() as work:
        if await work.pipelines.count():
            return []
    names: list[str] = []
    for path in sorted(EXAMPLES.glob("*/pipeline.yaml")):
        definition = yaml.safe_load(path.read_text(encoding="utf-8"))
        try:
            names.append((await create_pipeline(definition)).name)
        except NameTaken:
            continue  # another web process was quicker
    return names
