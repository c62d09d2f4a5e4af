"""Stages of kind `python`: a fork of the host calls the function, or the interpreter that the stage names."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from entrypoints.worker.stage_host.client import StageHost
from tests.unit.entrypoints.worker.interpreters import choose_interpreters
from tests.unit.entrypoints.worker.stage_runner import StageRunner, texts

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(params=["", *choose_interpreters()])
def stages(shared_host: StageHost, tmp_path: Path, request: pytest.FixtureRequest) -> StageRunner:
    return StageRunner(shared_host, tmp_path, request.param)


async def test_a_callable_gets_parameters_and_returns_outputs(stages: StageRunner) -> None:
    stages.module(
        "extract", "def main(month, name='x'):\n    print('month', month)\n    return {'records_processed': month, 'name': name}\n"
    )

    lines, end = await stages.call("extract:main", month=7, name="$(rm -rf) 'ü'\n")

    assert texts(lines) == ["month 7"]
    assert end.succeeded
    assert end.result == {"records_processed": 7, "name": "$(rm -rf) 'ü'\n"}


async def test_a_callable_takes_the_parameters_it_names_or_all(stages: StageRunner) -> None:
    stages.module("m", "def some(a): return {'a': a}\ndef every(**all): return all\n")

    _, some = await stages.call("m:some", a=1, b=2)
    _, every = await stages.call("m:every", a=1, b=2)
    _, missing = await stages.call("m:some", b=2)

    assert some.result == {"a": 1}
    assert every.result == {"a": 1, "b": 2}
    assert missing.error == "TypeError: some() missing 1 required positional argument: 'a'"


async def test_a_coroutine_function_is_run_and_a_dotted_target_found(stages: StageRunner) -> None:
    stages.module(
        "m",
        """
        import asyncio
        class Steps:
            @staticmethod
            async def load(n):
                await asyncio.sleep(0)
                return {"n": n + 1}
        """,
    )

    _, end = await stages.call("m:Steps.load", n=1)

    assert end.result == {"n": 2}


async def test_an_exception_is_one_sentence_and_a_traceback_of_the_users_frames(stages: StageRunner) -> None:
    stages.module("m", "def main():\n    inner()\ndef inner():\n    raise ValueError('bad month')\nasync def later():\n    inner()\n")

    lines, end = await stages.call("m:main")
    late, _ = await stages.call("m:later")

    for printed in (texts(lines, "stderr"), texts(late, "stderr")):
        assert printed[0] == "Traceback (most recent call last):"
        assert printed[-1] == "ValueError: bad month"
        assert [line for line in printed if line.startswith("  File") and "/m.py" not in line] == []
    assert (end.code, end.error) == (1, "ValueError: bad month")


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("nowhere:main", "No module named 'nowhere'"),
        ("json.nowhere:main", "No module named 'json.nowhere'"),
        ("json:nothing", "No function 'nothing' in module 'json'"),
        ("sys:path", "sys:path cannot be called: it is a list"),
        ("just_a_name", "'just_a_name' does not name a function: write package.module:function"),
    ],
)
async def test_a_wrong_target_is_explained_without_a_traceback(stages: StageRunner, target: str, error: str) -> None:
    lines, end = await stages.call(target)

    assert (end.error or "").startswith(error)
    assert texts(lines, "stderr") == [end.error]


async def test_a_module_with_a_missing_import_is_not_reported_as_missing(stages: StageRunner) -> None:
    stages.module("m", "import no_such_library\n")

    lines, end = await stages.call("m:main")

    assert end.error == "ModuleNotFoundError: No module named 'no_such_library'"
    assert "import no_such_library" in "\n".join(texts(lines, "stderr"))


NOT_JSON = "The callable's result cannot be written as JSON: "


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        ("{'a': object()}", f"{NOT_JSON}Object of type object is not JSON serializable"),
        ("{'a': [1, {'b': object()}]}", f"{NOT_JSON}Object of type object is not JSON serializable (at output.a[1].b)"),
        ("{'a': iter([])}", f"{NOT_JSON}Object of type list_iterator is not JSON serializable (at output.a)"),
        ("{'a': open}", f"{NOT_JSON}Object of type builtin_function_or_method is not JSON serializable (at output.a)"),
        ("{'a': 1j}", f"{NOT_JSON}Object of type complex is not JSON serializable (at output.a)"),
        ("{'rows': {(1, 2): 3}}", f"{NOT_JSON}keys must be str, int, float, bool or None, not tuple (at output.rows)"),
        ("[1]", "The callable returned a list: return a dict of outputs, or nothing"),
    ],
)
async def test_a_result_that_cannot_be_stored_fails_the_stage(stages: StageRunner, expression: str, error: str) -> None:
    stages.module("m", f"def main():\n    return {expression}\n")

    _, end = await stages.call("m:main")

    assert (end.error or "").startswith(error)
    assert (end.code, end.result) == (1, None)


@pytest.mark.parametrize(
    ("lines", "note"),
    [
        ("return {'a': 'x' * 1_100_000}", "The output was not kept: it has 1,100,009 bytes, more than 1,048,576."),
        ("a = {}; a['a'] = a; return a", "The output was not kept: it cannot be written as JSON (Circular reference detected)."),
        ("return {'a': 10 ** 5_000}", "The output was not kept: it cannot be written as JSON (Exceeds the limit (4300"),
        ("a = {}\n    for _ in range(150): a = {'a': a}\n    return a", "The output was not kept: it is nested deeper than 100 levels."),
        ("a = []\n    for _ in range(50_000): a = [a]\n    return {'a': a}", "The output was not kept: it cannot be written as JSON ("),
    ],
)
async def test_a_result_that_is_left_out_does_not_fail_the_stage(stages: StageRunner, lines: str, note: str) -> None:
    stages.module("m", f"def main():\n    {lines}\n")

    _, end = await stages.call("m:main")

    assert (end.code, end.error, end.result) == (0, None, None)
    assert (end.note or "").startswith(note)


@pytest.mark.parametrize(
    ("imports", "value", "stored"),
    [
        ("datetime", "datetime.date(2026, 2, 3)", "2026-02-03"),
        ("datetime", "datetime.datetime(2026, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)", "2026-02-03T04:05:00+00:00"),
        ("datetime", "datetime.time(4, 5)", "04:05:00"),
        ("datetime", "datetime.timedelta(minutes=1.5)", 90.0),
        ("decimal", "decimal.Decimal('1.10')", "1.10"),
        ("uuid", "uuid.UUID(int=0)", "00000000-0000-0000-0000-000000000000"),
        ("pathlib", "pathlib.Path('/tmp/x')", "/tmp/x"),
        ("builtins", "{3, 1, 2}", [1, 2, 3]),
        ("builtins", "b'caf\\xe9'", "caf\ufffd"),
        ("builtins", "(1, (2, 3))", [1, [2, 3]]),
        ("enum", "enum.Enum('Color', 'RED').RED", 1),
        ("array", "array.array('d', [1, 2])", [1.0, 2.0]),
        ("dataclasses", "dataclasses.make_dataclass('Row', ['n', 'tags'])(1, {'x'})", {"n": 1, "tags": ["x"]}),
        ("builtins", "{1: 'a', None: 'b', True: 'c', 2.5: 'd'}", {"1": "c", "null": "b", "2.5": "d"}),
    ],
)
async def test_values_with_a_usual_form_in_json_are_stored_in_it(stages: StageRunner, imports: str, value: str, stored: Any) -> None:
    stages.module("m", f"import {imports}\n\ndef main():\n    return {{'value': {value}}}\n")

    _, end = await stages.call("m:main")

    assert (end.error, end.note, end.result) == (None, None, {"value": stored})


@pytest.mark.parametrize(
    "value", [r"{'text': 'a\0'}", r"{'text': '\ud800'}", r"{'a\0': 1}", r"{'rows': [{'b': '\udfff'}]}", "{'text': chr(0)}"]
)
async def test_characters_that_cannot_be_stored_are_named_in_the_note(stages: StageRunner, value: str) -> None:
    stages.module("m", f"def main():\n    return {value}\n")

    _, end = await stages.call("m:main")

    assert "\ufffd" in json.dumps(end.result, ensure_ascii=False)
    assert end.note == "The output has characters that cannot be stored, which became \ufffd."


@pytest.mark.parametrize("length", [4_500, 70_000, 1_000_000])
async def test_a_long_error_keeps_its_beginning_and_its_end(stages: StageRunner, length: int) -> None:
    stages.module("m", f"def main():\n    raise ValueError('SELECT ' + 'x, ' * {length // 3} + 'failed: no such column')\n")

    _, end = await stages.call("m:main")

    assert end.error is not None
    assert end.error.startswith("ValueError: SELECT x, ")
    assert end.error.endswith("failed: no such column")
    assert len(end.error) <= 4_000


async def test_keys_that_are_the_same_as_text_are_named(stages: StageRunner) -> None:
    stages.module("m", "def main():\n    return {'rows': {1: 'a', '1': 'b'}}\n")

    _, end = await stages.call("m:main")

    assert end.result == {"rows": {"1": "b"}}
    assert end.note == "Not stored as reported: two keys are '1' as text, and only the last was stored."


async def test_numbers_that_json_lacks_arrive_as_they_are(stages: StageRunner) -> None:
    stages.module("m", "def main():\n    return {'low': float('-inf'), 'large': 2 ** 80, 'mean': float('nan')}\n")

    _, end = await stages.call("m:main")

    assert end.succeeded
    assert end.result is not None
    assert (end.result["low"], end.result["large"], math.isnan(end.result["mean"])) == (-math.inf, 2**80, True)


async def test_a_large_result_arrives_complete_and_sanitized(stages: StageRunner) -> None:
    stages.module("m", "def main():\n    return {'a': 'x' * 1_000_000, 'b': ['\\0', '\\ud800', '\\U0001f600']}\n")

    _, end = await stages.call("m:main")

    assert end.result == {"a": "x" * 1_000_000, "b": ["\ufffd", "\ufffd", "\U0001f600"]}


async def test_nothing_leaks_from_one_callable_into_the_next(stages: StageRunner) -> None:
    stages.module("first", "import sys, os\nos.environ['LEAK'] = '1'\ndef main():\n    sys.leak = 1\n")
    stages.module(
        "second",
        """
        import os, sys
        def main():
            ours = [name for name in sys.modules if name.startswith(("entrypoints", "first"))]
            fds = sorted(int(fd) for fd in os.listdir("/proc/self/fd"))
            return {"leak": hasattr(sys, "leak"), "env": dict(os.environ), "ours": ours, "fds": fds[:4], "cwd": os.getcwd(),
                    "path": sys.path[0], "more": len(fds) - 5}
        """,
    )

    await stages.call("first:main")
    _, end = await stages.call("second:main", env={"A": "1"})

    result: dict[str, Any] = end.result or {}
    assert result["leak"] is False
    assert sorted(result["env"]) == ["A", "HEADGATE_MARK", "PATH"]
    assert result["ours"] == []
    # Its three, the verdict, and the directory listing itself.
    assert (result["fds"], result["more"]) == ([0, 1, 2, 3], 0)
    assert result["cwd"] == result["path"] == str(stages.folder)


async def test_a_callable_sees_the_workers_packages_and_its_own_first(shared_host: StageHost, tmp_path: Path) -> None:
    stages = StageRunner(shared_host, tmp_path)
    stages.module("host_protocol", "WHOSE = 'mine'\n")
    stages.module("m", "import host_protocol, pytest\ndef main():\n    return {'whose': host_protocol.WHOSE, 'pytest': pytest.__name__}\n")

    _, end = await stages.call("m:main")

    assert end.result == {"whose": "mine", "pytest": "pytest"}


async def test_a_callable_ends_as_a_program_does(stages: StageRunner) -> None:
    stages.module(
        "m",
        """
        import atexit, os, signal, sys, threading, time
        def leaves(): sys.exit(3)
        def says(): exit("no input")
        def dies(): os.kill(os.getpid(), signal.SIGKILL)
        def lingers():
            atexit.register(print, "at exit")
            threading.Thread(target=lambda: (time.sleep(0.05), print("thread"))).start()
            print("no newline", end="")
        """,
    )

    _, leaves = await stages.call("m:leaves")
    said, says = await stages.call("m:says")
    _, dies = await stages.call("m:dies")
    lines, lingers = await stages.call("m:lingers")

    assert (leaves.code, leaves.error) == (3, None)
    assert (says.code, texts(said, "stderr")) == (1, ["no input"])
    assert (dies.code, dies.signal, dies.succeeded) == (None, 9, False)
    assert (texts(lines), lingers.code) == (["no newlinethread", "at exit"], 0)


async def test_a_callable_may_use_processes_of_its_own(stages: StageRunner) -> None:
    stages.module(
        "m",
        """
        import multiprocessing, subprocess, sys
        def square(n): return n * n
        def main(method):
            with multiprocessing.get_context(method).Pool(2) as pool:
                squares = pool.map(square, [1, 2, 3])
            return {"squares": squares, "child": subprocess.check_output([sys.executable, "-c", "print(1)"], text=True)}
        """,
    )

    for method in ("fork", "spawn"):
        _, end = await stages.call("m:main", method=method)

        assert json.dumps(end.result) == json.dumps({"squares": [1, 4, 9], "child": "1\n"}), end
