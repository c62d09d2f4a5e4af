"""The reason of a failure is the last line that says something."""

from __future__ import annotations

import pytest

from domain.output.failure_reason import FailureReason

TRACEBACK = ["Traceback (most recent call last):", '  File "m.py", line 3, in <module>', "    load(day)", "    ~~~~^^^^^"]


def find(stderr: list[str], stdout: list[str] | None = None) -> str:
    reason = FailureReason()
    for line in stdout or []:
        reason.add("stdout", line)
    for line in stderr:
        reason.add("stderr", line)
    return reason.text


@pytest.mark.parametrize(
    "noise",
    [
        ["+ rm -f /tmp/none", "+ exit 3"],
        ["++ dirname x", "+++ exit 1"],
        ["", "   ", "\t"],
        ["    ^^^^^^", "~~~^~~~"],
        ["-----", "=====", "}", ")", "***"],
        [" 45%|████▌     | 45/100 [00:01<00:01, 33.3it/s]"],
        ["Downloading: 100% [==========>]", "[####      ]"],
        ["3 of 6", "17/20"],
        ["Receiving objects:  67% (2/3)"],
        ["100  1256  100  1256    0     0   5432      0 --:--:-- --:--:-- --:--:--  5432"],
        ["pkg.tar.gz  50%  1.2MB/s eta 0:00:03"],
        ["\x1b[32m━━━━━━━━\x1b[0m", "\x1b[0m"],
        ["\x1b[90m+ exit 3\x1b[0m", "\x1b[0m"],
        ["+(load.sh:3): rm -f /tmp/none", "+(load.sh:4): exit 3"],
        ["+load.sh:3: rm -f /tmp/none", "++load.sh:4: exit 3"],
        ["+zsh:1> exit 3"],
        ["> rm -f /tmp/none", "> exit 3"],
        [">> rm -f /tmp/none", ">>> dirname x", ">> exit 3"],
        ["DEBUG: rm -f /tmp/none", "DEBUG: exit 3"],
        ["12:00:09 load.sh:9 rm -f /tmp/none", "12:00:10 load.sh:10 exit 3"],
        ["[load.sh:3] cleanup", "[load.sh:12] exit 130"],
        ["$ "],
        ["root@host:~# "],
        ["[me@host x]$"],
        [">>> ", "..."],
        ["mysql> "],
        ["Password: "],
        ["[sudo] password for me: "],
        ["Enter passphrase for /key: "],
        ["make: *** [Makefile:2: sub] Error 2"],
        ["gmake[1]: *** [all] Terminated", "gmake[1]: Leaving directory '/x'", "make: *** Waiting for unfinished jobs...."],
        ["ninja: build stopped: subcommand failed."],
        ["npm ERR! code ELIFECYCLE", "npm ERR! errno 1"],
        ["error Command failed with exit code 1."],
        ["exit status 2"],
        ["Command exited with non-zero status 1"],
    ],
)
def test_noise_after_the_error_is_passed_over(noise: list[str]) -> None:
    assert find(["ERROR: table missing", *noise]) == "ERROR: table missing"


@pytest.mark.parametrize(
    ("following", "reason"),
    [
        (["ValueError: bad month"], "ValueError: bad month"),
        (["ValueError: bad month", "expected 1 to 12"], "ValueError: bad month"),
        (
            ["psycopg.errors.UniqueViolation: duplicate key", "DETAIL:  Key (id)=(1) already exists."],
            "psycopg.errors.UniqueViolation: duplicate key",
        ),
        (["KeyboardInterrupt"], "KeyboardInterrupt"),
        (["ValueError: bad", "make: *** [Makefile:3: all] Error 1"], "ValueError: bad"),
        (
            ["KeyError: 'a'", "", "During handling of the above exception, another exception occurred:", "", *TRACEBACK, "RuntimeError: b"],
            "RuntimeError: b",
        ),
        (["ValueError: logged", *(f"INFO step {n}" for n in range(20)), "FATAL: gave up"], "FATAL: gave up"),
        (["\x1b[31mValueError\x1b[0m: in red"], "ValueError: in red"),
    ],
)
def test_a_traceback_gives_its_exception(following: list[str], reason: str) -> None:
    assert find([*TRACEBACK, *following]) == reason


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        (
            "/app/x.js:3\n    throw new Error('bad month');\n    ^\n\nError: bad month\n    at load (/app/x.js:3:9)\n"
            "    at node:internal/main/run_main_module:28:49\n\nNode.js v20.11.0",
            "Error: bad month",
        ),
        (
            "Error: ENOENT: no such file, open 'x'\n    at Object.openSync (node:fs:601:3) {\n  errno: -2,\n  code: 'ENOENT',\n"
            "  path: 'x'\n}\n\nNode.js v20.11.0",
            "Error: ENOENT: no such file, open 'x'",
        ),
        (
            "TypeError: fetch failed\n    at node:internal/deps/undici/undici:12345:11 {\n  [cause]: Error: connect ECONNREFUSED ::1:1\n"
            "      at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16) {\n    errno: -111,\n  }\n}",
            "[cause]: Error: connect ECONNREFUSED ::1:1",
        ),
        ("Error: one {\n}\nError: two", "Error: two"),
        (
            'Exception in thread "main" java.lang.IllegalStateException: bad month\n\tat com.x.Main.load(Main.java:10)\n'
            "\tat com.x.Main.main(Main.java:5)",
            'Exception in thread "main" java.lang.IllegalStateException: bad month',
        ),
        (
            "java.lang.RuntimeException: load failed\n\tat com.x.Main.main(Main.java:5)\nCaused by: java.sql.SQLException: no such table\n"
            "\tat com.x.Db.q(Db.java:10)\n\t... 1 more",
            "Caused by: java.sql.SQLException: no such table",
        ),
        (
            "panic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:8 +0x1d\n"
            "exit status 2",
            "panic: runtime error: index out of range [5] with length 3",
        ),
        (
            "panic: bad month\n[signal SIGSEGV: segmentation violation code=0x1]\n\ngoroutine 18 [chan receive, 2 minutes]:\n"
            "main.(*Loader).load(0xc000012345, {0x1, 0x2})\n\t/app/load.go:12 +0x2f\ncreated by main.start in goroutine 1\n"
            "\t/app/main.go:8",
            "panic: bad month",
        ),
        (
            "thread 'main' panicked at src/main.rs:4:5:\nbad month\nstack backtrace:\n   0: rust_begin_unwind\n   1: load::main\n"
            "             at ./src/main.rs:4:5\nnote: run with `RUST_BACKTRACE=full` for a verbose backtrace.",
            "bad month",
        ),
        ("x.rb:3:in `load': bad month (ArgumentError)\n\tfrom x.rb:6:in `<main>'", "x.rb:3:in `load': bad month (ArgumentError)"),
        (
            "PHP Fatal error:  Uncaught Exception: bad month in /x.php:3\nStack trace:\n#0 /x.php(6): load()\n#1 {main}\n"
            "  thrown in /x.php on line 3",
            "PHP Fatal error:  Uncaught Exception: bad month in /x.php:3",
        ),
        (
            "Unhandled exception. System.InvalidOperationException: bad month\n   at Program.Main() in /x.cs:line 3",
            "Unhandled exception. System.InvalidOperationException: bad month",
        ),
        ("cc: error: x.c: No such file\nmake: *** [Makefile:4: all] Error 1", "cc: error: x.c: No such file"),
        ("make: *** No rule to make target 'x'.  Stop.", "make: *** No rule to make target 'x'.  Stop."),
        ("Error in load(5) : bad month\nExecution halted", "Error in load(5) : bad month"),
    ],
)
def test_stack_frames_and_follow_ups_are_passed_over(printed: str, reason: str) -> None:
    assert find(printed.split("\n")) == reason


@pytest.mark.parametrize("line", ["build failed: exit 1", "ERROR: exit 3", "Process ended with exit 3", "user@example.com: quota 100%"])
def test_a_message_about_an_exit_is_no_trace(line: str) -> None:
    assert find([line]) == line


def test_an_unfinished_traceback_keeps_what_was_found_before() -> None:
    assert find(["before", *TRACEBACK]) == "before"


@pytest.mark.parametrize(
    ("stdout", "stderr", "reason"),
    [
        (["3 tests failed: a, b, c"], [], "3 tests failed: a, b, c"),
        (["3 tests failed: a, b, c"], ["+ exit 1", ""], "3 tests failed: a, b, c"),
        (["all is well"], ["no such table"], "no such table"),
        ([*TRACEBACK, "ValueError: printed"], [], "ValueError: printed"),
        (["3 tests failed"], ["make: *** [Makefile:2: test] Error 1"], "3 tests failed"),
        ([], ["make: *** [Makefile:2: test] Error 1"], "make: *** [Makefile:2: test] Error 1"),
        (["3 tests failed"], [">> pytest", ">> exit 1"], "3 tests failed"),
        ([], [], ""),
        (["", "----"], ["^^^"], ""),
    ],
)
def test_standard_error_comes_first_and_standard_output_second(stdout: list[str], stderr: list[str], reason: str) -> None:
    assert find(stderr, stdout) == reason


@pytest.mark.parametrize(
    "line", ["disk is 100% full", "+1 row", "a+ b", "Error in 50% of rows", "SyntaxError: invalid syntax", "404", "größer als 5"]
)
def test_other_lines_are_meaningful(line: str) -> None:
    assert find(["first", line]) == line
