"""Definitions in files, and what changed between two of a pipeline's revisions."""

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from domain.pipelines.field_parser import ALL_STAGE_KEYS
from domain.pipelines.parsing import PIPELINE_KEYS

_SUFFIXES = (".yaml", ".yml", ".json")
_IN_SECONDS = frozenset({"timeout", "retry_delay"})
_TELLS_BY_ITSELF = frozenset({"name", "stages"})


class UnreadableFile(Exception):
    """A file holds no definitions; the message names the file and the line."""


class UnreadableText(Exception):
    """A text is no definition; the message names the line."""


@dataclass(frozen=True, slots=True)
class DefinitionSource:
    """One definition and where it was written: `flights.yaml`, or `all.yaml #2` in a file of several."""

    where: str
    definition: dict[str, Any]


def find_definition_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files meant by `paths`: a folder stands for every .yaml, .yml and .json file below it, in order of name."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES and file.is_file())
        if not found:
            raise UnreadableFile(f"{path}: no .yaml, .yml or .json file in this folder")
        yield from found


def read_definitions(path: Path) -> list[DefinitionSource]:
    """Every document of the file. UnreadableFile when it is not YAML or JSON, or a document is not an object of JSON values."""
    try:
        # JSON is YAML too. The loader is a safe one: it makes plain values and nothing else.
        documents = [part for part in yaml.load_all(path.read_text("utf-8"), _StrictLoader) if part is not None]
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    except yaml.YAMLError as error:
        raise UnreadableFile(f"{path}: {_one_line(error)}") from None
    if not documents:
        raise UnreadableFile(f"{path}: the file is empty")
    several = len(documents) > 1
    return [
        DefinitionSource(f"{path} #{number}" if several else f"{path}", _as_json(path, part)) for number, part in enumerate(documents, 1)
    ]


def read_text(text: str) -> dict[str, Any]:
    """The one definition in a text that anybody may have sent. UnreadableText; aliases are refused, as a few of them may stand for
    more than memory holds."""
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, _StrictLoader)):
            raise UnreadableText("a definition is written out: * and & are not understood here")
        document = yaml.load(text, _StrictLoader)
        return _plain("definition", document)
    except yaml.YAMLError as error:
        raise UnreadableText(_one_line(error)) from None
    except UnreadableFile as error:
        raise UnreadableText(str(error).removeprefix("definition: ")) from None
    except (RecursionError, ValueError) as error:
        raise UnreadableText("it is nested too deeply" if isinstance(error, RecursionError) else f"it cannot be read: {error}") from None


def diff_revisions(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What the revision `new` changes of `old`, in words: stages first, then the pipeline's own keys."""
    before, after = ({stage["name"]: stage for stage in revision["stages"]} for revision in (old, new))
    said = [f"added stage {name}" for name in after if name not in before]
    said += [f"removed stage {name}" for name in before if name not in after]
    for name in after:
        if name in before and (changed := _changed(before[name], after[name], ALL_STAGE_KEYS - {"name"})):
            said.append(f"changed stage {name} ({', '.join(changed)})")
    if not said and list(before) != list(after):
        said.append("changed the order of the stages")
    return said + [f"changed {change}" for change in _changed(old, new, PIPELINE_KEYS - _TELLS_BY_ITSELF)]


def _changed(old: Mapping[str, Any], new: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    return [_change(key, old.get(key), new.get(key)) for key in sorted(keys) if old.get(key) != new.get(key)]


def _change(key: str, old: object, new: object) -> str:
    """Numbers, words and short lists are shown; what would not fit a line is only named."""
    shown = [_shown(key, value) for value in (old, new)]
    return f"{key} {shown[0]} → {shown[1]}" if all(len(text) <= 30 for text in shown) else key


def _shown(key: str, value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    unit = " s" if key in _IN_SECONDS and value is not None else ""
    return f"{json.dumps(value, ensure_ascii=False)}{unit}"


def _as_json(path: Path, document: object) -> dict[str, Any]:
    return _plain(f"{path}", document)


def _plain(where: str, document: object) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise UnreadableFile(f"{where}: a definition is an object with the keys name and stages")
    try:
        plain: dict[str, Any] = json.loads(json.dumps(document, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise UnreadableFile(f"{where}: holds what JSON cannot say: {error}") from None
    return plain


def _one_line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem


class _StrictLoader(yaml.SafeLoader):
    """Plain values only; a key given twice is a mistake, and a date is the text that was written."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set[str]()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise yaml.constructor.ConstructorError(None, None, "a key is a text; put it in quotes", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key.value} is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
