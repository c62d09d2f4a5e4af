"""`headgate apply` on repositories, patterns and standard input: what it reads, skips and refuses."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.cli_stub_server import StubServer
from tests.unit.entrypoints.cli.conftest import RunCommand


def a_definition(name: str) -> str:
    return f"name: {name}\nstages: [{{name: a, command: [echo]}}]\n"


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


OTHER_FILES: dict[str, str | bytes] = {
    ".git/scratch.yaml": "x: [",
    ".github/workflows/ci.yml": "on: push\njobs: {}",
    ".pre-commit-config.yaml": "repos: []",
    ".venv/lib/x.yaml": a_definition("hidden"),
    "environment/pyvenv.cfg": "",
    "environment/lib/x.yaml": a_definition("installed"),
    "node_modules/tool/pipeline.yaml": a_definition("module"),
    "package.json": '{"private": true, "name": "web", "description": "x"}',
    "tsconfig.json": '{\n  // comments\n  "compilerOptions": {}\n}',
    "compose.yaml": "services:\n  db: {image: postgres}\n",
    "ci/gitlab.yml": "stages: [build, test]\nbuild: {script: [make]}\n",
    "ci/azure.yml": "name: $(Date)\nstages:\n- stage: build\n  jobs: []\n",
    "chart/templates/web.yaml": "kind: {{ .Values.kind }}\n{{- if .Values.x }}\na: 1\n{{- end }}\n",
    "cloud/stack.yml": "Resources:\n  A: !Ref B\n",
    "mkdocs.yml": "markdown_extensions:\n  - x: !!python/name:a.b\n",
    "data/list.json": "[1, 2]",
    "data/large.json": b'{"rows": ["' + b"x" * 300_000 + b'"]}',
    "data/none.yaml": "# nothing\n",
    "data/blank.json": "",
}


def test_a_repository_is_applied_without_the_files_of_other_programs(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    write(tmp_path, OTHER_FILES | {"pipelines/a.yaml": a_definition("a"), "pipelines/deep/b.YML": a_definition("b")})

    result = headgate("apply", ".")

    assert result.returncode == 0, result
    assert set(stub_server.pipelines) == {"a", "b"}
    assert "skipped package.json: not a pipeline definition" in result.stderr
    assert not any(hidden in result.stderr for hidden in (".git", ".venv", "environment", "node_modules"))
    assert result.stdout.splitlines()[-1] == "2 created, 12 skipped"


def test_many_skipped_files_are_counted_not_listed(headgate: RunCommand, tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": a_definition("a")} | {f"data/{number:03}.json": "{}" for number in range(300)})

    result = headgate("apply", ".")

    assert result.returncode == 0
    assert len(result.stderr.splitlines()) == 21
    assert result.stderr.splitlines()[-1] == "skipped 280 more files"


BROKEN_FILES: dict[str, tuple[str | bytes, str]] = {
    "syntax.yaml": ("name: x\nstages:\n  - {name: a, command: [echo}\n", "line 3, column 29: "),
    "value.yaml": ("x: [", "line 2, column 1: "),
    "tab.yaml": ("name: x\nstages:\n\t- a\n", "line 3, column 1: "),
    "twice.json": ('{\n\t"name": "x",\n\t"name": "y", "stages": []}', "name: occurs twice in one object, on line 2 and on line 3"),
    "comment.json": ('{"name": "x", // why\n "stages": []}', "must be valid JSON: line 1, column 15; JSON has no comments"),
    "latin.yaml": (b"name: x\ndescription: caf\xe9\nstages: []", "the file is not in UTF-8: line 2 has the byte 0xe9"),
    "utf16.yaml": (a_definition("wide").encode("utf-16"), "the file is in UTF-16; it must be in UTF-8"),
    "control.yaml": (b"name: x\x01\nstages: []", "control characters are not allowed"),
    "bomb.yaml": (
        "a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
        "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nname: x\nstages: []\n",
        "with its aliases expanded",
    ),
    "itself.yaml": ("name: x\nstages: &s [*s]\n", "an alias contains itself"),
    "deep.yaml": ("name: x\nstages: " + "[" * 2_000 + "]" * 2_000, "nested too deeply"),
    "python.yaml": ("name: x\nstages: !!python/object:os.system [a]\n", "which is not supported"),
    "huge.yaml": ("name: x\nstages:\n" + "# padding\n" * 900_000, "the file is larger than 8 MiB"),
    "invalid.yaml": ("name: x\nstages: [{name: a, command: [echo], tmeout: 3}]\n", "stages[0].tmeout: unknown key"),
    "nameless.yaml": ("stages: [{name: a, command: [echo]}]\n", "name: "),
    "empty-stages.yaml": ("name: y\nstages: []\n", "stages: "),
}


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_a_broken_file_is_named_and_its_neighbours_are_applied(
    headgate: RunCommand, stub_server: StubServer, tmp_path: Path, name: str
) -> None:
    content, reason = BROKEN_FILES[name]
    write(tmp_path, {f"team/{name}": content, "team/0.yaml": a_definition("first"), "team/zz/z.yaml": a_definition("last")})

    result = headgate("apply", "team")

    assert result.returncode == 1
    assert set(stub_server.pipelines) == {"first", "last"}
    lines = [line for line in result.stderr.splitlines() if line.startswith(f"team/{name}: ")]
    assert lines and any(reason in line for line in lines), result.stderr
    assert result.stdout.splitlines()[-1] == "2 created, 1 refused"


def test_a_broken_document_costs_its_neighbours_in_the_file_nothing(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    documents = ["kind: Service\n", a_definition("a"), "- list\n", "name: b\nname: c\n", a_definition("d"), "", "name: e\nstages: [\n"]
    write(tmp_path, {"all.yaml": "---\n".join(documents)})

    result = headgate("apply", ".")

    assert result.returncode == 1
    assert set(stub_server.pipelines) == {"a", "d"}
    assert [line.split(": ")[0] for line in result.stderr.splitlines()] == [
        "all.yaml #3",
        "all.yaml #4",
        "all.yaml #6",
        "skipped all.yaml #1",
        "headgate",
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (a_definition("a"), {"a"}),
        ("\ufeff" + a_definition("a"), {"a"}),
        (a_definition("a") + "---\n" + a_definition("b"), {"a", "b"}),
        (a_definition("a").replace("\n", "\r\n"), {"a"}),
        ('{\n\t"name": "a",\n\t"stages": [{"name": "x", "kind": "external", "timeout": 1e3}]\n}', {"a"}),
        ('{"name": "a", "description": "\\ud83d\\ude00", "stages": [{"name": "x", "kind": "external"}]}', {"a"}),
        ("{name: a, stages: [{name: x, kind: external}], }", {"a"}),
        ("x: &x {kind: external}\n", set()),
        ("name: a\nstages:\n  - &s {name: x, kind: external}\n  - {<<: *s, name: y}\n", {"a"}),
    ],
)
def test_a_definition_is_read_from_standard_input(headgate: RunCommand, stub_server: StubServer, text: str, names: set[str]) -> None:
    result = headgate("apply", "-", stdin=text)

    assert set(stub_server.pipelines) == names, result
    assert result.returncode == (0 if names else 1)
    assert "standard input" in (result.stdout or result.stderr)


@pytest.mark.parametrize("text", ["", "  \n", "# nothing\n", "---\n", "name: [", "\x00"])
def test_standard_input_without_a_definition_is_exit_code_1(headgate: RunCommand, text: str) -> None:
    result = headgate("apply", "-", stdin=text)

    assert result.returncode == 1
    assert result.stderr.startswith("standard input: ")


@pytest.mark.parametrize("arguments", [("a.yaml", "more", "-"), ("-", "more", "a.yaml"), ("more", "a.yaml", "-", "a.yaml", "./more", "-")])
def test_the_order_of_the_arguments_changes_nothing(
    headgate: RunCommand, stub_server: StubServer, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    write(
        tmp_path, {"a.yaml": a_definition("a"), "more/b.yaml": a_definition("b"), "more/broken.yaml": "name: [", "more/c.yaml": "stages: ]"}
    )

    result = headgate("apply", *arguments, stdin=a_definition("d"))

    assert result.returncode == 1
    assert set(stub_server.pipelines) == {"a", "b", "d"}
    assert result.stdout.splitlines()[-1] == "3 created, 2 refused"


def test_a_pattern_is_expanded_where_no_shell_does(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    write(tmp_path, {"p/a.yaml": a_definition("a"), "p/q/b.yaml": a_definition("b"), "p/.c.yaml": a_definition("c"), "p/d.txt": "x"})

    result = headgate("apply", "p/**/*.yaml", f"{tmp_path}/none*.yaml")

    assert result.returncode == 1
    assert set(stub_server.pipelines) == {"a", "b"}
    assert f"{tmp_path}/none*.yaml: no file matches this pattern" in result.stderr


def test_loops_of_links_and_links_to_files_are_read_once(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    write(tmp_path, {"p/..data/a.yaml": a_definition("a"), "p/deep/b.yaml": a_definition("b"), "shared/c.yaml": a_definition("c")})
    (tmp_path / "p" / "a.yaml").symlink_to("..data/a.yaml")
    (tmp_path / "p" / "deep" / "again").symlink_to(tmp_path / "p")
    (tmp_path / "p" / "itself").symlink_to("itself")
    (tmp_path / "p" / "shared").symlink_to(tmp_path / "shared")
    (tmp_path / "p" / "copy.yaml").symlink_to(tmp_path / "shared" / "c.yaml")

    result = headgate("apply", "p", "shared")

    assert (result.returncode, result.stderr) == (0, "")
    assert set(stub_server.pipelines) == {"a", "b", "c"}


def test_what_cannot_be_opened_is_named(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    write(tmp_path, {"p/a.yaml": a_definition("a"), "empty/notes.txt": "x"})
    (tmp_path / "p" / "gone.yaml").symlink_to("nowhere.yaml")
    os.mkfifo(tmp_path / "p" / "pipe.yaml")

    result = headgate("apply", "p", "empty", "absent")

    assert result.returncode == 1
    assert set(stub_server.pipelines) == {"a"}
    assert result.stderr.splitlines()[:-1] == [
        "p/gone.yaml: No such file or directory",
        "empty: no .yaml, .yml or .json file in this folder",
        "absent: No such file or directory",
    ]


def test_a_folder_without_a_definition_is_exit_code_1(headgate: RunCommand, tmp_path: Path) -> None:
    write(tmp_path, {"p/package.json": json.dumps({"name": "web"})})

    result = headgate("apply", "p")

    assert result.returncode == 1
    assert result.stderr.splitlines() == ["p: no pipeline definition", "skipped p/package.json: not a pipeline definition"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_permission_is_named(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    write(tmp_path, {"p/a.yaml": a_definition("a"), "p/b.yaml": a_definition("b"), "p/closed/c.yaml": a_definition("c")})
    (tmp_path / "p" / "b.yaml").chmod(0)
    (tmp_path / "p" / "closed").chmod(0)

    result = headgate("apply", "p")
    (tmp_path / "p" / "closed").chmod(0o700)

    assert result.returncode == 1
    assert set(stub_server.pipelines) == {"a"}
    assert result.stderr.splitlines() == ["p/closed: Permission denied", "p/b.yaml: Permission denied"]
