"""What started a run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trigger:
    """What opened the run (`dashboard`, `api`, `cli`, `report`) and who, when known; `repeats` is the id of the run that it repeats."""

    kind: str
    actor: str | None = None
    repeats: int | None = None
