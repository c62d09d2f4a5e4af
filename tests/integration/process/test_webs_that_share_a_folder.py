"""Two real webs with sign-in apply one folder of definitions, on one PostgreSQL."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from adapters.persistence.embedded.server import EmbeddedPostgres
from tests.support.forked_commands import build_forked_argv
from tests.support.forked_process import ForkedProcess
from tests.support.plain_http import NO_TLS
from tests.support.ports import find_free_port
from tests.support.sign_in import sign_in
from tests.support.waiting import wait_for
from tests.support.web_process import ROOT, WebProcess, a_web

SECONDS = 90.0
PASSWORD = "four words of mine"
FOLDER = "Headgate (folder)"


def define(name: str, text: str = "one") -> str:
    return f"name: {name}\nstages:\n- {{name: load, command: [echo, {text}]}}\n"


class SharedFolder:
    """Two webs, the folder that they watch, and ada, who is signed in to the second one."""

    def __init__(self, folder: Path, first: WebProcess, second: WebProcess) -> None:
        self.folder, self.webs = folder, (first, second)
        self.ada = httpx.Client(base_url=second.url, timeout=60, headers=sign_in(second.url, "ada", PASSWORD))
        page = self.ada.get("/ui/pipelines/1/edit", headers={"Accept": "text/html"})
        self._form_key = re.findall(r'name="_key" value="([^"]+)"', page.text)[0]

    def write(self, **texts: str) -> None:
        for name, text in texts.items():
            (self.folder / f"{name}.yaml").write_text(text)

    def let_both_webs_look(self, number: int) -> None:
        """Add a definition that each web refuses in its log, and wait for both."""
        self.write(**{f"marker{number}": f"name: marker{number}\nstages: 3\n"})
        self.wait(lambda: all(f"marker{number}.yaml: line 2" in web.log.read_text() for web in self.webs))

    def change_by_hand(self, name: str, text: str) -> None:
        definition = {"name": name, "stages": [{"name": "load", "command": ["echo", text]}]}
        self.ada.put(f"/pipelines/{name}", json=definition, headers={"X-Headgate-Key": self._form_key}).raise_for_status()

    def get(self, path: str) -> Any:
        return self.ada.get(path).raise_for_status().json()

    def list_pipelines(self) -> dict[str, tuple[int, bool]]:
        """Return the revision of each pipeline, and whether it is archived."""
        return {each["name"]: (each["revision"], each["archived_at"] is not None) for each in self.get("/pipelines/?archived=include")}

    def list_authors(self, name: str) -> list[str]:
        return [each["created_by"] for each in reversed(self.get(f"/pipelines/{name}/revisions"))]

    def count_actions(self, action: str) -> Counter[str]:
        """Return how often the folder did this to each pipeline, by the audit log."""
        return Counter(entry["thing"] for entry in self.get("/audit/?limit=500") if (entry["deed"], entry["who"]) == (action, FOLDER))

    def wait(self, condition: Callable[[], object]) -> None:
        wait_for(condition, SECONDS, lambda: "\n".join(web.log.read_text()[-3_000:] for web in self.webs))


@contextmanager
def two_webs(postgres: EmbeddedPostgres, folder: Path) -> Iterator[SharedFolder]:
    settings = {"HEADGATE_PIPELINES": str(folder), "HEADGATE_PIPELINES_WATCH": "true", "HEADGATE_PIPELINES_PRUNE": "true"}
    with a_web(postgres, HEADGATE_AUTH="team", **settings) as first:
        environment, log = dict(first.environment) | {"HEADGATE_PORT": str(find_free_port())}, folder.parent / "second.log"
        create = build_forked_argv("user", "create", "ada", "--role", "admin", "--password-stdin")
        subprocess.run(create, cwd=ROOT, env=environment, input=PASSWORD, text=True, check=True)
        marker = folder / "marker.yaml"
        marker.write_text("name: marker\nstages: 3\n")
        with log.open("wb") as output:
            process = ForkedProcess(["web"], environment, output)
        try:
            second = WebProcess(f"http://127.0.0.1:{environment['HEADGATE_PORT']}", log, environment, process)
            pending = wait_for(lambda: find_readiness(second, "problems"), SECONDS, log.read_text)
            assert (pending["reason"], "marker" in str(pending), str(folder) in str(pending)) == ("pipelines_pending", False, False)
            marker.unlink()
            wait_for(lambda: find_readiness(second, "status", "ready"), SECONDS, log.read_text)
            shared = SharedFolder(folder, first, second)
            with contextlib.closing(shared.ada):
                yield shared
        finally:
            process.terminate()
            process.wait(40)


def find_readiness(web: WebProcess, key: str, value: object = 1) -> dict[str, Any] | None:
    """Return what /readyz tells anyone, once it contains this value; None until then."""
    with contextlib.suppress(httpx.TransportError):
        answer: dict[str, Any] = httpx.get(f"{web.url}/readyz", timeout=60, verify=NO_TLS).json()
        if answer.get(key) == value:
            return answer
    return None


def test_two_webs_apply_a_folder_once_and_keep_what_people_change(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    folder = tmp_path / "pipelines"
    folder.mkdir()
    names = [f"new-{number}" for number in range(8)]
    (folder / "etl.yaml").write_text(define("etl"))
    with two_webs(postgres, folder) as shared:
        shared.write(etl=define("etl", "two"), **{name: define(name) for name in names})
        shared.let_both_webs_look(1)
        assert shared.list_pipelines() == {"etl": (2, False)} | dict.fromkeys(names, (1, False))
        assert shared.count_actions("pipeline_created") == Counter(f"pipeline {name}" for name in ("etl", *names))

        shared.change_by_hand("etl", "by hand")
        (file,) = [each for each in shared.get("/pipeline-files/?source=pipelines") if each["pipeline"] == "etl"]
        page = shared.ada.get("/ui/pipelines/etl", headers={"Accept": "text/html"})
        assert (file["has_drifted"], file["changed_by"]) == (True, "ada")
        assert "Changed by ada since the file" in page.text

        shared.write(etl=define("etl", "three"))
        shared.let_both_webs_look(2)
        assert shared.list_authors("etl") == [FOLDER, FOLDER, "ada", FOLDER]

        folder.rename(tmp_path / "away")
        shared.wait(lambda: all("No such file or directory" in web.log.read_text() for web in shared.webs))
        assert not any(archived for _, archived in shared.list_pipelines().values()), "a folder that is missing archives nothing"
        for name in ("new-7", "marker1", "marker2"):
            (tmp_path / "away" / f"{name}.yaml").unlink()
        (tmp_path / "away").rename(folder)
        shared.wait(lambda: shared.list_pipelines()["new-7"] == (1, True))
        shared.let_both_webs_look(3)
        assert shared.count_actions("pipeline_archived") == Counter(["pipeline new-7"])
        assert shared.list_pipelines() == {"etl": (4, False)} | {name: (1, name == "new-7") for name in names}
