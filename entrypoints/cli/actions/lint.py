"""`headgate lint`: check definitions as `apply` and the editor do, without a server."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from adapters.system.cronsim_expressions import CronsimExpressions
from adapters.system.json_schema.validator import JsonSchemaValidator
from application.commands.pipelines.validate_definition import validate_definition
from domain.errors import FieldProblem, InvalidInput
from domain.pipelines.definition import PipelineDefinition
from domain.pipelines.shell_syntax import find_shell_syntax
from entrypoints.cli.actions.lint_output import Finding, format_findings, format_summary
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.definitions.definition_files import DefinitionSource, FileContents, read_definitions
from entrypoints.definitions.definition_search import SearchProblem, find_definition_files
from entrypoints.definitions.document_nodes import Node, locate_problems
from entrypoints.definitions.yaml_reader import compose_documents

_VALIDATORS = JsonSchemaValidator(), CronsimExpressions()


@dataclass(slots=True)
class _Checked:
    """The findings in the files. `unreadable` has a line for each file that could not be read."""

    findings: list[Finding] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    first_of_name: dict[str, str] = field(default_factory=dict)
    definitions: int = 0


def lint_files(paths: Iterable[Path], output: str) -> int:
    """Print the problems of the files. Return 0 if there is no error, 1 if there is one, 2 if a file could not be read."""
    checked = _Checked()
    for found in find_definition_files(paths):
        if isinstance(found, SearchProblem):
            checked.unreadable.append(f"{found.location}: {found.reason}")
        else:
            _check_file(found.location, read_definitions(found), checked)
    if not checked.definitions and not checked.findings and not checked.unreadable:
        checked.unreadable.append("no pipeline definition in these files")
    for line in (*checked.unreadable, *(f"skipped {note}" for note in checked.notes)):
        print(sanitize(line), file=sys.stderr)
    for line in format_findings(checked.findings, output):
        print(line if output == "json" else sanitize(line))
    sys.stdout.flush()
    print(format_summary(checked.findings, checked.definitions), file=sys.stderr)
    if checked.unreadable:
        return 2
    return 1 if any(finding.is_error for finding in checked.findings) else 0


def _check_file(location: str, contents: FileContents, checked: _Checked) -> None:
    checked.notes += contents.notes
    if contents.text is None:
        checked.unreadable += contents.problems
        return
    if not contents.sources and not contents.invalid:
        checked.unreadable += contents.problems
    text, nodes = contents.text, compose_documents(contents.text)
    for number, error in contents.invalid:
        _add(checked, location, text, _get_node(nodes, number), [error.problem])
    for source in contents.sources:
        checked.definitions += 1
        node = _get_node(nodes, source.number)
        _add(checked, location, text, node, list(_find_problems(source, checked)))
        _add(checked, location, text, node, list(_find_shell_syntax(source)), is_error=False)
    checked.findings.sort(key=lambda finding: (finding.file == location, finding.line or 0 if finding.file == location else 0))


def _find_problems(source: DefinitionSource, checked: _Checked) -> Iterator[FieldProblem]:
    """Yield why the definition cannot be applied together with those before it."""
    try:
        definition: PipelineDefinition | None = validate_definition(source.definition, *_VALIDATORS)
    except InvalidInput as error:
        definition = None
        yield from error.problems
    name = definition.name if definition else source.definition.get("name")
    if not isinstance(name, str) or not name:
        return
    first = checked.first_of_name.setdefault(name, source.location)
    if first != source.location:
        yield FieldProblem("name", f"{name} is also defined in {first}; apply would apply neither")


def _find_shell_syntax(source: DefinitionSource) -> Iterator[FieldProblem]:
    """Yield the commands that need a shell and have none."""
    stages = source.definition.get("stages")
    for index, stage in enumerate(stages if isinstance(stages, list) else ()):
        command = stage.get("command") if isinstance(stage, dict) and not stage.get("shell") else None
        words = [word for word in command if isinstance(word, str)] if isinstance(command, list) else []
        if words and (syntax := find_shell_syntax(words)):
            yield FieldProblem(f"stages[{index}].command", f"{syntax} needs a shell: set shell: true")


def _get_node(nodes: list[Node], number: int) -> Node | None:
    """Return the node of a document; None if YAML cannot read it."""
    return nodes[number - 1] if number <= len(nodes) else None


def _add(checked: _Checked, location: str, text: str, node: Node | None, problems: list[FieldProblem], *, is_error: bool = True) -> None:
    for problem in problems:
        for each in locate_problems(text, node, [problem]):
            line = each.line if each.line is not None else problem.line
            checked.findings.append(Finding(location, line, each.column, each.field, each.message, is_error))
