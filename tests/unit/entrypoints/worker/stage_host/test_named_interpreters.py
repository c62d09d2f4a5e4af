"""A `python` stage that names an interpreter runs in that one, and with none of the worker's packages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import venv
from pathlib import Path

import pytest

from entrypoints.worker.stage_host.client import StageHost
from tests.support.paths import ROOT
from tests.unit.entrypoints.worker.interpreters import list_interpreters
from tests.unit.entrypoints.worker.stage_host.interpreter import IMPORTS_SITECUSTOMIZE
from tests.unit.entrypoints.worker.stage_runner import StageRunner, finish, texts, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
DESCRIBE = """
import os, sys
def main():
    own = [name for name in sys.modules if name.partition(".")[0] in ("entrypoints", "domain")]
    return {"version": list(sys.version_info[:2]), "prefix": sys.prefix, "path": sys.path, "argv": sys.argv, "own": own,
            "utf8": sys.flags.utf8_mode, "isolated": sys.flags.isolated, "session": os.getsid(0) == os.getpid()}
"""
PROGRAM = "#!{python}\nimport os, sys\n{lines}\n"


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    folder = tmp_path / "team"
    venv.EnvBuilder(symlinks=True, with_pip=False).create(folder)
    return folder


@pytest.fixture
def stages(shared_host: StageHost, tmp_path: Path, environment: Path) -> StageRunner:
    (tmp_path / "work").mkdir()
    return StageRunner(shared_host, tmp_path / "work", str(environment / "bin" / "python"))


def ask_version(python: str) -> str:
    return subprocess.check_output([python, "-c", "import sys; print(list(sys.version_info[:2]))"], text=True).strip()


def get_site(environment: Path) -> Path:
    (folder,) = (environment / "lib").glob("python*/site-packages")
    return folder


@pytest.mark.parametrize("python", list_interpreters())
async def test_each_version_of_python_calls_the_function(stages: StageRunner, python: str) -> None:
    stages.module("described", DESCRIBE)

    lines, end = await StageRunner(stages.host, stages.folder, python).call("described:main")

    assert (lines, end.error, end.code) == ([], None, 0)
    result = end.result or {}
    assert str(result["version"]) == ask_version(python)
    assert (result["argv"], result["own"], result["utf8"], result["isolated"]) == (["described:main"], [], 1, 0)
    assert result["path"][0] == str(stages.folder)
    assert result["session"] is True


async def test_the_function_has_the_packages_of_its_environment_and_none_of_the_workers(stages: StageRunner, environment: Path) -> None:
    (get_site(environment) / "team_library.py").write_text("WHOSE = 'ours'\n")
    (get_site(environment) / "domain.py").write_text("WHOSE = 'ours too'\n")
    stages.module("m", "import domain, team_library\ndef main():\n    return {'whose': [team_library.WHOSE, domain.WHOSE]}\n")
    stages.module("lacks", "import prefect\ndef main():\n    return {}\n")

    _, end = await stages.call("m:main")
    _, lacks = await stages.call("lacks:main")
    _, missing = await stages.call("httpx:get")

    assert end.result == {"whose": ["ours", "ours too"]}
    assert lacks.error == "ModuleNotFoundError: No module named 'prefect'"
    assert missing.error == f"No module named 'httpx' (looked in {stages.folder} and in the packages of {stages.python})"


async def test_no_folder_of_headgate_or_its_host_is_on_the_import_path(stages: StageRunner) -> None:
    stages.module("described", DESCRIBE)

    _, end = await stages.call("described:main")

    result = end.result or {}
    assert [entry for entry in result["path"] if entry.startswith(str(ROOT))] == []
    assert result["prefix"] == str(Path(stages.python).parents[1])


@pytest.mark.parametrize("name", ["token", "json", "types", "traceback", "typing", "struct"])
@pytest.mark.parametrize("where", ["beside", "PYTHONPATH"])
async def test_a_module_of_the_users_hides_one_of_python(stages: StageRunner, tmp_path: Path, name: str, where: str) -> None:
    folder = stages.folder if where == "beside" else tmp_path / "first"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text("WHOSE = 'mine'\n")
    stages.module("m", f"def main():\n    import {name}\n    return {{'found': {name}.WHOSE}}\n")

    _, end = await stages.call("m:main", env={"PYTHONPATH": str(folder)} if where == "PYTHONPATH" else {})

    assert end.result == {"found": "mine"}, end


async def test_path_files_and_sitecustomize_run_with_the_stages_variables(stages: StageRunner, environment: Path) -> None:
    (get_site(environment) / "hook.pth").write_text("import sys; sys.hook = 'hook'\n")
    (get_site(environment) / "sitecustomize.py").write_text("import os, sys\nsys.region = os.environ['REGION']\n")
    stages.module("m", "import sys\ndef main():\n    return {'hook': sys.hook, 'region': getattr(sys, 'region', None)}\n")

    _, end = await stages.call("m:main", env={"REGION": "eu"})

    assert end.result == {"hook": "hook", "region": "eu" if IMPORTS_SITECUSTOMIZE else None}


async def test_a_large_parameter_arrives_and_is_in_no_command_line(stages: StageRunner) -> None:
    stages.module("m", "def main(text):\n    return {'size': len(text), 'line': open('/proc/self/cmdline').read()}\n")

    _, end = await stages.call("m:main", text="ü" * 700_000)

    result = end.result or {}
    assert result["size"] == 700_000
    assert "ü" not in result["line"]


async def test_its_output_arrives_while_it_runs_and_in_the_order_of_its_writes(stages: StageRunner) -> None:
    stages.module(
        "m",
        """
        import os, sys, time
        def main(file):
            for number in range(3):
                print("out", number)
                print("err", number, file=sys.stderr)
            while not os.path.exists(file):
                time.sleep(0.01)
            return {"done": True}
        """,
    )

    job = await stages.begin("m:main", file=str(stages.folder / "go"))
    lines = job.lines
    seen = [await anext(lines) for _ in range(6)]
    (stages.folder / "go").touch()
    rest = [line async for line in lines]
    end = await job.wait()

    assert [line.text for line in seen] == ["out 0", "err 0", "out 1", "err 1", "out 2", "err 2"]
    assert (rest, end.result) == ([], {"done": True})


async def test_it_is_terminated_with_all_its_processes(stages: StageRunner) -> None:
    stages.module(
        "m",
        """
        import os, signal, subprocess, sys, time
        def main(file):
            child = subprocess.Popen(["sleep", "600"])
            def end(number, frame):
                print("asked to end")
                sys.exit(7)
            signal.signal(signal.SIGTERM, end)
            with open(file + ".part", "w") as written:
                written.write(str(child.pid))
            os.rename(file + ".part", file)
            time.sleep(600)
        """,
    )
    file = stages.folder / "pid"
    job = await stages.begin("m:main", file=str(file))
    await until(file.exists)

    end = await job.terminate(10)
    lines, _ = await finish(job)

    assert (texts(lines), end.code) == (["asked to end"], 7)
    await until(lambda: not Path(f"/proc/{file.read_text()}").exists())


async def test_an_interpreter_that_hangs_at_its_start_is_terminated(stages: StageRunner, environment: Path) -> None:
    (get_site(environment) / "hanging.pth").write_text("import time; print('starting', flush=True); time.sleep(600)\n")
    stages.module("m", "def main():\n    pass\n")
    job = await stages.begin("m:main")
    lines = job.lines
    await anext(lines)

    end = await job.terminate(10)

    assert (end.signal, end.error) == (signal.SIGTERM, None)


@pytest.mark.parametrize(
    ("lines", "code"),
    [("sys.exit(0)", 0), ("sys.exit('no encodings')", 1), ("print('{}')", 0)],
)
async def test_a_program_that_is_no_python_fails_the_stage(stages: StageRunner, tmp_path: Path, lines: str, code: int) -> None:
    program = tmp_path / "odd"
    program.write_text(PROGRAM.format(python=sys.executable, lines=lines))
    program.chmod(0o755)

    _, end = await StageRunner(stages.host, stages.folder, str(program)).call("json:dumps")

    assert (end.code, end.succeeded) == (code, False)
    assert end.error == (
        f"{program} did not start as Python 3.8 or newer (exit code {code}): check that this environment works, or create it again."
    )


async def test_an_older_python_is_named_in_the_reason(stages: StageRunner, tmp_path: Path) -> None:
    program = tmp_path / "old"
    # What an older version does: it runs the program and says which version it has.
    lines = textwrap.dedent(
        """
        path, *sys.argv = sys.argv[3:]
        sys.argv.insert(0, path)
        sys.version_info = (3, 6, 15)
        exec(compile(open(path).read(), path, "exec"), {"__file__": path})
        """
    )
    program.write_text(PROGRAM.format(python=sys.executable, lines=lines))
    program.chmod(0o755)

    _, end = await StageRunner(stages.host, stages.folder, str(program)).call("json:dumps")

    assert (end.code, end.error) == (1, f"{sys.executable} is Python 3.6: a stage needs Python 3.8 or newer.")


@pytest.mark.parametrize(
    ("name", "text", "mode", "error", "code"),
    [
        ("text", "not a program", 0o755, "is not a program: it is not a binary and does not begin with #!", 126),
        ("gone", "#!/no/such/python\n", 0o755, "cannot be run: its interpreter does not exist (#!/no/such/python)", 127),
    ],
)
async def test_a_file_that_cannot_be_run_is_explained(
    stages: StageRunner, tmp_path: Path, name: str, text: str, mode: int, error: str, code: int
) -> None:
    program = tmp_path / name
    program.write_text(text)
    program.chmod(mode)

    _, end = await StageRunner(stages.host, stages.folder, str(program)).call("json:dumps")

    assert (end.error, end.code) == (f"{program} {error}", code)


async def test_a_function_that_exits_at_once_has_succeeded(stages: StageRunner) -> None:
    stages.module("m", "import os, sys\ndef leaves(): sys.exit(0)\ndef quits(): os._exit(0)\n")

    _, leaves = await stages.call("m:leaves")
    _, quits = await stages.call("m:quits")

    assert (leaves.succeeded, quits.succeeded) == (True, True)


async def test_the_descriptors_of_the_job_and_the_result_reach_no_child(stages: StageRunner) -> None:
    stages.module(
        "m",
        """
        import subprocess
        def main():
            return {"fds": subprocess.check_output(["sh", "-c", "ls /proc/$$/fd"], text=True).split()}
        """,
    )

    _, end = await stages.call("m:main")

    assert end.result is not None
    assert sorted(end.result["fds"]) == ["0", "1", "2"]


async def test_it_has_the_marks_by_which_orphans_are_found(stages: StageRunner) -> None:
    stages.module("m", "def main():\n    return {'environ': open('/proc/self/environ').read()}\n")

    _, end = await stages.call("m:main")

    assert "HEADGATE_MARK=" in (end.result or {})["environ"]
    assert os.environ.get("HEADGATE_MARK") is None or os.environ["HEADGATE_MARK"] not in (end.result or {})["environ"]
