"""Find and read definition files named on the command line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entrypoints.definitions.yaml_reader import InvalidDefinitionText, parse_documents

_SUFFIXES = (".yaml", ".yml", ".json")


class InvalidDefinitionFile(Exception):
    """A file or folder without readable definitions. The message names it, and the line where it can."""


@dataclass(frozen=True, slots=True)
class DefinitionSource:
    """A definition and its location: `flights.yaml`, or `all.yaml #2` in a file of several."""

    location: str
    definition: dict[str, Any]


def find_definition_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield each file of `paths`; for a folder, every .yaml, .yml and .json file below it, sorted by name.

    Raise InvalidDefinitionFile for a folder without such a file.
    """
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES and file.is_file())
        if not found:
            raise InvalidDefinitionFile(f"{path}: no .yaml, .yml or .json file in this folder")
        yield from found


def read_definitions(path: Path) -> list[DefinitionSource]:
    """Return every definition in the file. Raise InvalidDefinitionFile."""
    try:
        definitions = parse_documents(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidDefinitionFile(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    except InvalidDefinitionText as error:
        raise InvalidDefinitionFile(f"{path}: {error}") from None
    if not definitions:
        raise InvalidDefinitionFile(f"{path}: the file is empty")
    several = len(definitions) > 1
    return [DefinitionSource(f"{path} #{number}" if several else f"{path}", each) for number, each in enumerate(definitions, 1)]
