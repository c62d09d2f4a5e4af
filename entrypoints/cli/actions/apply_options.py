"""Options of `headgate apply`, and the folder that the definitions come from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """`source` is the name of the folder that is stored with its pipelines; None for files that no folder keeps.

    A repeated run prints only what changed.
    """

    is_plan: bool = False
    prune: bool = False
    source: str | None = None
    folder: Path = field(default_factory=Path)
    is_repeated: bool = False

    @classmethod
    def from_arguments(cls, paths: Sequence[Path], is_plan: bool, prune: bool, source: str | None) -> "ApplyOptions":
        """Return the options. A single folder is a source, by its own name unless `source` is given.

        Raise ValueError if pruning is asked for without a source.
        """
        is_folder = len(paths) == 1 and paths[0].is_dir()
        folder = paths[0] if is_folder else Path()
        name = source or (folder.resolve().name or None if is_folder else None)
        if prune and (name is None or not is_folder):
            raise ValueError("--prune needs one folder: it archives the pipelines that the folder applied and no longer defines")
        return cls(is_plan, prune, name, folder)

    def build_query(self, location: str, are_groups_checked: bool = True) -> str:
        """Return the query string of a request that applies the definition at this location."""
        query = {"source": self.source, "file": self.get_file(location)} if self.source is not None else {}
        if self.is_plan:
            query |= {"dry_run": "true"} if are_groups_checked else {"dry_run": "true", "check_groups": "false"}
        return f"?{urlencode(query)}" if query else ""

    def get_file(self, location: str) -> str:
        """Return the location of a definition relative to the folder, with `/`."""
        path = Path(location)
        return (path.relative_to(self.folder) if path.is_relative_to(self.folder) else path).as_posix()
