"""What the editor shows beside the text: its problems by line, the stage graph and the next times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from application.queries.schedules.definition_preview import DefinitionPreview
from domain.errors import FieldProblem
from domain.pipelines.shell_syntax import find_shell_syntax
from domain.schedules.words import ExplainCron
from entrypoints.definitions.document_nodes import LocatedProblem, Node, find_node, get_line, locate_problems
from entrypoints.definitions.yaml_reader import compose_document
from entrypoints.web.view_models.formatting import pluralize
from entrypoints.web.view_models.runs.stage_graph import StageGraph, build_pending_graph
from entrypoints.web.view_models.schedules.preview import PreviewItem, build_preview

MAX_PROBLEMS = 20
MAX_GRAPH_STAGES = 200
MAX_FIELD = 2_000
"""Characters of the longest name or description that a field shows. A longer one is not valid, and stays in the text only."""


@dataclass(frozen=True, slots=True)
class ShellHint:
    """A command that holds what only a shell understands. `index` is the stage's place in the text."""

    line: int | None
    index: int
    stage: str
    syntax: str


@dataclass(frozen=True, slots=True)
class EditorCheck:
    """The result of a check. `schedules` and `graph` are None if the text has problems. If it is not readable, only these are known."""

    problems: Sequence[LocatedProblem] = ()
    hints: Sequence[ShellHint] = ()
    stage_names: Sequence[str] = ()
    schedules: Sequence[PreviewItem] | None = None
    graph: StageGraph | None = None
    summary: str = ""
    name: str = ""
    description: str = ""
    is_readable: bool = True

    @property
    def words(self) -> str:
        """The number of problems, for screen readers."""
        return pluralize(len(self.problems), "problem") if self.problems else "No problems"

    @property
    def shown_problems(self) -> Sequence[LocatedProblem]:
        return self.problems[:MAX_PROBLEMS]

    @property
    def hidden_problems(self) -> int:
        return max(0, len(self.problems) - MAX_PROBLEMS)


def build_check(
    text: str, raw: Mapping[str, Any], preview: DefinitionPreview | None, problems: Sequence[FieldProblem], explain_cron: ExplainCron
) -> EditorCheck:
    """Return the check of a text. `raw` is what the text means, which may be no definition; `preview` is None if it is not valid."""
    root = compose_document(text) if raw else None  # a text that was refused may be nested too deeply
    located = locate_problems(text, root, problems)
    hints = find_shell_hints(text, root, raw)
    names = list_stage_names(raw)
    name, description = (_read_field(raw, key) for key in ("name", "description"))
    if preview is None:
        return EditorCheck(located, hints, names, None, None, "", name, description, is_readable=bool(raw))
    graph = build_pending_graph(preview.definition, "") if len(names) <= MAX_GRAPH_STAGES else None
    schedules = build_preview(preview.schedules, explain_cron)
    summary = f"No problems. {pluralize(len(names), 'stage')}, {pluralize(len(schedules), 'schedule')}."
    return EditorCheck(located, hints, names, schedules, graph, summary, name, description)


def _read_field(raw: Mapping[str, Any], key: str) -> str:
    text = str(raw.get(key) or "")
    return text if len(text) <= MAX_FIELD else ""


def list_stage_names(raw: Mapping[str, Any]) -> list[str]:
    """Return the names of the stages in a text, as far as it has them."""
    stages = raw.get("stages")
    found = [stage.get("name") for stage in stages if isinstance(stage, dict)] if isinstance(stages, list) else []
    return [name for name in found if isinstance(name, str) and name]


def find_shell_hints(text: str, root: Node | None, raw: Mapping[str, Any]) -> list[ShellHint]:
    """Return a hint for each command that a shell should run, and that none runs."""
    stages = raw.get("stages")
    found = []
    for index, stage in enumerate(stages if isinstance(stages, list) else ()):
        command = stage.get("command") if isinstance(stage, dict) and not stage.get("shell") else None
        if isinstance(command, list):
            command = [word for word in command if isinstance(word, str)]
        if isinstance(command, str | list) and (syntax := find_shell_syntax(command)):
            found.append((index, str(stage.get("name") or f"stage {index + 1}"), syntax))
    return [
        ShellHint(get_line(text, find_node(root, f"stages[{index}].command")[0]) if root else None, index, name, syntax)
        for index, name, syntax in found
    ]
