"""Read the definitions in a file."""

import errno
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from entrypoints.definitions.definition_search import STANDARD_INPUT, DefinitionFile
from entrypoints.definitions.document_texts import DocumentText, split_documents
from entrypoints.definitions.yaml_reader import NO_OBJECT, InvalidDefinitionText, read_documents
from entrypoints.text_decoding import InvalidEncoding, decode_text

MAX_FILE_BYTES = 8 << 20
_MAX_OTHER_FILE_BYTES = 64 << 10
"""Files in a folder that are larger and never mention stages are not parsed, since lock files and data take minutes."""
_STAGE_KEYS = frozenset({"name", "kind", "needs", "command", "callable"})
_TEMPLATE = re.compile(r"\{\{|\{%|(^|\s)!{1,2}[A-Za-z]", re.MULTILINE)
"""Placeholders of templates, and tags of other programs such as !Ref."""


@dataclass(frozen=True, slots=True)
class DefinitionSource:
    """A definition and its location: `flights.yaml`, or `all.yaml #2` in a file of several.

    `text` is the text as it is written; None if that of one definition of several cannot be read alone.
    `number` counts the documents of a file.
    """

    location: str
    definition: dict[str, Any]
    text: DocumentText | None = None
    number: int = 1


@dataclass(slots=True)
class FileContents:
    """The definitions of a file; why parts of it cannot be read; and why parts of it are skipped. Each line names its location.

    `text` is that of the whole file, and `invalid` its documents that are no definitions, by number; both are for those who need more than
    lines.
    """

    sources: list[DefinitionSource] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    text: str | None = None
    invalid: list[tuple[int, InvalidDefinitionText]] = field(default_factory=list)


def read_definitions(file: DefinitionFile) -> FileContents:
    """Read every document of the file. In a folder, what is no definition is skipped with a note."""
    contents = FileContents()
    try:
        data = _read_bytes(file.path)
        if file.is_found_in_folder and (reason := _find_reason_to_skip(data)):
            contents.notes.append(f"{file.location}: {reason}")
            return contents
        text = decode_text(data)
    except OSError as error:
        contents.problems.append(f"{file.location}: {error.strerror or error}")
    except InvalidEncoding as error:
        contents.problems.append(f"{file.location}: the file {error}")
    else:
        _read_documents(file, text, contents)
    return contents


def is_like_definition(document: Mapping[str, Any]) -> bool:
    """Return False for documents of other programs, such as package.json or a workflow of a CI service."""
    if "stages" not in document:
        return False
    stages = document["stages"]
    rows = [row for row in stages if isinstance(row, Mapping)] if isinstance(stages, list) else []
    if rows:
        return any(not _STAGE_KEYS.isdisjoint(row) for row in rows)
    return "name" in document


def _read_documents(file: DefinitionFile, text: str, contents: FileContents) -> None:
    contents.text = text
    documents = list(read_documents(text))
    definitions = [document for document in documents if not isinstance(document, InvalidDefinitionText)]
    texts = iter(split_documents(text, definitions) if len(definitions) == len(documents) else [None] * len(definitions))
    if not documents:
        (contents.notes if file.is_found_in_folder else contents.problems).append(f"{file.location}: the file is empty")
    for number, document in enumerate(documents, 1):
        location = f"{file.location} #{number}" if len(documents) > 1 else file.location
        if isinstance(document, InvalidDefinitionText):
            is_other = file.is_found_in_folder and "stages" not in text and _is_of_another_program(text, document)
            if is_other:
                contents.notes.append(f"{location}: not a pipeline definition")
            else:
                contents.problems.append(f"{location}: {document}")
                contents.invalid.append((number, document))
            continue
        part = next(texts)
        if file.is_found_in_folder and not is_like_definition(document):
            contents.notes.append(f"{location}: not a pipeline definition")
        else:
            contents.sources.append(DefinitionSource(location, document, part, number))


def _is_of_another_program(text: str, error: InvalidDefinitionText) -> bool:
    """Return True for lists and single values, JSON with comments, and templates and tags that only another program can read."""
    return str(error) == NO_OBJECT or "comments" in str(error) or _TEMPLATE.search(text) is not None


def _find_reason_to_skip(data: bytes) -> str | None:
    if not data.strip():
        return "the file is empty"
    if len(data) > _MAX_OTHER_FILE_BYTES and b"stages" not in data.replace(b"\0", b""):
        return "not a pipeline definition"
    return None


def _read_bytes(path: Path) -> bytes:
    """Return the bytes of the file, or of standard input. Raise OSError, also for a file over MAX_FILE_BYTES."""
    if path == STANDARD_INPUT:
        return _read_limited(sys.stdin.buffer)
    with path.open("rb") as file:
        return _read_limited(file)


def _read_limited(file: IO[bytes]) -> bytes:
    data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise OSError(errno.EFBIG, f"the file is larger than {MAX_FILE_BYTES >> 20} MiB")
    return data
