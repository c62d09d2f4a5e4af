"""The examples of README and docs run against a real Headgate, in order, and their answers are compared."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.running_headgate import Headgate

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "http://127.0.0.1:8000"
# What differs from one machine or order of events to another; that it is there, and its type, is still compared.
VARIES = frozenset({"id", "run_id", "pipeline_id", "number", "seq"})
BLOCK = re.compile(r"```(sh|python|json|text)\n(.*?)```", re.DOTALL)


def _find_examples(page: str) -> list[tuple[str, str, str | None]]:
    """Return (language, source, answer) in the order of the page. The answer is the block that follows at once."""
    blocks = list(BLOCK.finditer((ROOT / page).read_text()))
    found = []
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        if block[1] in ("sh", "python"):
            answer = following[2] if following and following.start() == block.end() + 1 else None
            found.append((block[1], block[2], answer))
    return found


PAGES = ("README.md", "docs/how-to/use-the-api.md", "docs/how-to/report-from-another-machine.md")


def test_every_example_answers_as_its_page_says(running_headgate: Headgate, tmp_path: Path) -> None:
    examples = [example for page in PAGES for example in _find_examples(page)]
    assert len(examples) >= 9
    run_id = 1

    for language, source, answer in examples:
        here = source.replace(ADDRESS, running_headgate.url).replace("/runs/1/", f"/runs/{run_id}/")
        printed = _run(language, here, tmp_path)

        if "/trigger/" in source and language == "sh":
            run_id = json.loads(printed)["run_id"]
        if answer is None:
            for line in printed.splitlines():
                assert "urn:headgate:problem" not in line, (source, line)
        elif language == "python":
            assert re.sub(r"#\d+", "#", printed) == re.sub(r"#\d+", "#", answer)
        else:
            _compare(_expected(answer), json.loads(printed), source)


def test_the_tutorial_works_from_an_empty_folder(running_headgate: Headgate, tmp_path: Path) -> None:
    page = (ROOT / "docs/tutorial.md").read_text()
    (definition,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "reports.yaml").write_text(definition.replace("/tmp/headgate-tutorial-ready", str(tmp_path / "ready")))
    script = "\n".join(source for _, source, _ in _find_examples("docs/tutorial.md"))
    script = script.replace(ADDRESS, running_headgate.url).replace("/tmp/headgate-tutorial-ready", str(tmp_path / "ready"))

    environment = os.environ | {"HEADGATE_URL": running_headgate.url, "NO_PROXY": "127.0.0.1", "PYTHONPATH": str(ROOT)}
    command = f'headgate() {{ "{sys.executable}" -m entrypoints.cli "$@"; }}\n{script}'
    done = subprocess.run(["sh", "-euc", command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "urn:headgate:problem" not in done.stdout
    run = httpx.get(f"{running_headgate.url}/pipelines/tutorial-reports/runs", trust_env=False).json()[0]
    backup = httpx.get(f"{running_headgate.url}/pipelines/tutorial-backup/runs", trust_env=False).json()[0]
    assert (run["status"], backup["status"], backup["records_processed"]) == ("completed", "completed", 412)


def _run(language: str, source: str, folder: Path) -> str:
    argv = ["sh", "-euc", source.replace("curl -s ", "curl -s -w '\\n' ")] if language == "sh" else [sys.executable, "-c", source]
    done = subprocess.run(
        argv, cwd=folder, env=os.environ | {"NO_PROXY": "127.0.0.1"}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, (source, done.stderr)
    return done.stdout


def _expected(answer: str) -> Any:
    return json.loads(answer.replace("…", '"…": null'))


def _compare(expected: Any, actual: Any, where: str) -> None:
    """Equal, but for what varies; an object with `…` may hold more than it shows."""
    if isinstance(expected, dict):
        shown = set(expected) - {"…"}
        assert shown <= set(actual) if "…" in expected else shown == set(actual), (where, expected, actual)
        for key in shown:
            if key in VARIES:
                assert type(actual[key]) is type(expected[key]), (where, key)
            else:
                _compare(expected[key], actual[key], f"{where} {key}")
    elif isinstance(expected, list):
        assert len(expected) == len(actual), where
        for one, other in zip(expected, actual, strict=True):
            _compare(one, other, where)
    elif isinstance(expected, str) and expected.startswith("/"):
        assert re.sub(r"\d+", "n", actual) == re.sub(r"\d+", "n", expected), where
    else:
        assert actual == expected, where


@pytest.mark.parametrize(
    ("expected", "actual"),
    [({"a": 1}, {"a": 1, "b": 2}), ({"a": 1, "…": None}, {"a": 2}), ({"id": 1}, {"id": "1"}), ([1], [1, 2]), ("/runs/1", "/run/1")],
)
def test_the_comparison_would_notice(expected: Any, actual: Any) -> None:
    with pytest.raises(AssertionError):
        _compare(expected, actual, "")
