"""`headgate apply`: create or change pipelines to match files."""

import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Any
from urllib.parse import quote

from domain.errors import FieldProblem
from domain.pipelines.field_parser import NAME
from entrypoints.cli.actions.activation import describe_activation
from entrypoints.cli.actions.apply_options import ApplyOptions
from entrypoints.cli.actions.apply_pruning import print_drift, prune
from entrypoints.cli.actions.planned_groups import PlannedGroups
from entrypoints.cli.client.errors import ApiError, Unreachable
from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.output import print_error
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.definitions.definition_files import DefinitionSource
from entrypoints.definitions.found_definitions import FoundDefinitions, read_all_definitions
from entrypoints.definitions.refused_definitions import describe_refused_definitions
from entrypoints.definitions.revision_diff import diff_revisions

_RESULTS = ("created", "changed", "unchanged", "archived", "refused", "skipped", "not applied")
_VALID = ("created", "changed", "unchanged")
_MAX_NOTES = 20
MAX_BODY_BYTES = 1 << 20
"""A larger request is refused."""


async def apply_files(url: str, paths: Sequence[Path], options: ApplyOptions) -> int:
    """Apply every valid definition in the files. Return 0 if all were applied, 1 if any was refused or could not be read.

    A plan changes nothing. It returns 2 if applying would change something, and 1 also if Headgate does not respond.
    """
    findings = read_all_definitions(paths)
    _print_findings(findings, are_notes_shown=not options.is_repeated)
    results = Counter({"refused": len(findings.problems), "skipped": len(findings.notes), "not applied": len(findings.sources)})
    try:
        async with HeadgateClient(url) as client:
            if options.is_plan and options.source is not None:
                await print_drift(client, options)
            await _apply_all(client, findings.sources, results, options)
            if results["refused"] and (options.prune or any(results[result] for result in _VALID)):
                print(f"headgate: {describe_refused_definitions(results['refused'], options.is_plan)}", file=sys.stderr)
            elif options.prune:
                results["archived"] = await prune(client, options, findings)
    except (ApiError, Unreachable) as error:
        if not options.is_plan:
            raise
        print_error(error)
        return 1
    finally:
        if not options.is_repeated:
            _print_summary(results, options.is_plan)
    if results["refused"]:
        return 1
    return 2 if options.is_plan and (results["created"] or results["changed"] or results["archived"]) else 0


async def _apply_all(client: HeadgateClient, sources: list[DefinitionSource], results: Counter[str], options: ApplyOptions) -> None:
    """Apply the definitions in an order in which their groups fit those of other pipelines, and count their results.

    Those that never fit are applied last, so that their problems are those that remain.
    """
    groups = await PlannedGroups.load(client, sources)
    is_last = False
    while sources:
        waiting = []
        for source in sources:
            try:
                before = await _find_pipeline(client, source)
                problems = groups.find_problems(source, before)
                if problems and not is_last:
                    waiting.append(source)
                    continue
                result = await _apply(client, source, before, options, problems if groups.are_known(source) else None)
            except ApiError as error:
                if error.is_transient:
                    raise
                print_error(error, source.location, source.text.lines_before if source.text is not None else 0)
                result = "refused"
            if result != "refused":
                groups.add(source, before)
            results.update({result: 1, "not applied": -1})
        is_last = len(waiting) == len(sources)
        sources = waiting


async def _find_pipeline(client: HeadgateClient, source: DefinitionSource) -> Any:
    """Return the pipeline that the definition names, or None. A name made of digits in the URL would be read as another pipeline's id."""
    name = source.definition.get("name")
    may_exist = isinstance(name, str) and re.fullmatch(NAME, name) is not None
    return await client.find_pipeline(str(name)) if may_exist else None


async def _apply(
    client: HeadgateClient,
    source: DefinitionSource,
    before: Any,
    options: ApplyOptions,
    group_problems: Sequence[FieldProblem] | None,
) -> str:
    """Create or change one pipeline and print the result. Return it; `refused` for the old name of a pipeline. Raise ApiError.

    A plan does not ask the server about groups if `group_problems` are known: the server knows nothing of the other definitions.
    """
    name = source.definition.get("name")
    are_groups_checked = not options.is_plan or group_problems is None
    query = options.build_query(source.location, are_groups_checked)
    refusal = ApiError(422, "The groups do not fit.", group_problems) if group_problems and not are_groups_checked else None
    if before is None:
        created = await _send(client, "POST", f"/pipelines/{query}", source)
        if refusal is not None:
            raise refusal
        count = len(created["stages"])
        done = "would be created" if options.is_plan else "created"
        print(f"{created['name']}: {done}, {count} {'stage' if count == 1 else 'stages'}  ({source.location})", flush=True)
        _print_warnings(created)
        return "created"
    if before["name"] != name:
        print(sanitize(f"{source.location}: name: {name} is the old name of {before['name']}; change it in the file"), file=sys.stderr)
        return "refused"
    after = await _send(client, "PUT", f"/pipelines/{quote(str(name), safe='')}{query}", source)
    state = describe_activation(after)
    note = "" if state == "active" else f", {state}"
    if after["revision"] == before["revision"]:
        if not options.is_repeated:
            print(f"{name}: unchanged, revision {after['revision']}{note}  ({source.location})", flush=True)
            _print_warnings(after)
        return "unchanged"
    if refusal is not None:
        raise refusal
    changes = diff_revisions(before, after)
    note += "" if changes else ", no functional change"
    done = f"would become revision {after['revision']}" if options.is_plan else f"revision {after['revision']}"
    print(f"{name}: {done}{note}  ({source.location})", flush=True)
    for change in changes:
        print(f"    {sanitize(change)}", flush=True)
    if options.is_plan and source.text is not None:
        await _print_text_diff(client, before, source.location, source.text.text)
    _print_warnings(after)
    return "changed"


async def _send(client: HeadgateClient, method: str, path: str, source: DefinitionSource) -> Any:
    """Send the text as it is written, so that its comments are stored. A text that is too large for a request is sent as values."""
    if source.text is not None and len(source.text.text.encode()) <= MAX_BODY_BYTES:
        return await client.send_yaml(method, path, source.text.text)
    return await (client.post if method == "POST" else client.put)(path, source.definition)


async def _print_text_diff(client: HeadgateClient, before: Mapping[str, Any], location: str, text: str) -> None:
    """Print how the file differs from the text of the newest revision, with three lines of context."""
    stored = await client.get_text(f"/pipelines/{before['id']}/revisions/{before['revision']}/source")
    names = f"revision {before['revision']}", location
    for line in unified_diff(stored.splitlines(), text.splitlines(), *names, lineterm=""):
        print(f"    {sanitize(line)}", flush=True)


def _print_warnings(pipeline: Mapping[str, Any]) -> None:
    for warning in pipeline.get("warnings", ()):
        print(sanitize(f"    warning: {warning}"), file=sys.stderr, flush=True)


def _print_findings(findings: FoundDefinitions, are_notes_shown: bool) -> None:
    notes = findings.notes if are_notes_shown else []
    shown, hidden = notes[:_MAX_NOTES], len(notes) - _MAX_NOTES
    lines = [*findings.problems, *(f"skipped {note}" for note in shown)]
    if hidden > 0:
        lines.append(f"skipped {hidden:,} more {'file' if hidden == 1 else 'files'}")
    for line in lines:
        print(sanitize(line), file=sys.stderr)


def _print_summary(results: Counter[str], is_plan: bool) -> None:
    """Print how many definitions had each result; nothing for a single one."""
    if results.total() > 1:
        counts = ", ".join(f"{results[result]:,} {result}" for result in _RESULTS if results[result])
        print(f"Plan: {counts}" if is_plan else counts, flush=True)
