"""The reason of a failure in the last lines of well-known programs."""

from __future__ import annotations

from typing import Final

import pytest

from domain.output.failure_reason import FailureReason

ENDINGS: Final = {
    "pytest": (
        "FAILED tests/test_x.py::test_c - AssertionError: assert 2 == 3",
        [
            "============================= test session starts ==============================",
            "collected 3 items",
            "",
            "tests/test_x.py ..F                                                      [100%]",
            "",
            "=================================== FAILURES ===================================",
            "____________________________________ test_c ____________________________________",
            "",
            "    def test_c():",
            ">       assert load() == 3",
            "E       AssertionError: assert 2 == 3",
            "",
            "tests/test_x.py:10: AssertionError",
            "=========================== short test summary info ============================",
            "FAILED tests/test_x.py::test_c - AssertionError: assert 2 == 3",
            "========================= 1 failed, 2 passed in 0.12s ==========================",
        ],
    ),
    "pytest-q": (
        "FAILED tests/test_x.py::test_c - AssertionError: assert 2 == 3",
        [
            "..F                                                                      [100%]",
            "=========================== short test summary info ============================",
            "FAILED tests/test_x.py::test_c - AssertionError: assert 2 == 3",
            "1 failed, 2 passed in 0.12s",
        ],
    ),
    "dbt": (
        'column "nope" does not exist',
        [
            "03:04:05  Running with dbt=1.8.0",
            "03:04:09  1 of 2 OK created sql view model a ............. [CREATE VIEW in 0.3s]",
            "03:04:10  2 of 2 ERROR creating sql table model marts.b ... [ERROR in 0.1s]",
            "03:04:10  Finished running 2 models in 0 hours 0 minutes and 1.2 seconds (1.2s).",
            "03:04:10",
            "03:04:10  Completed with 1 error and 0 warnings:",
            "03:04:10",
            "03:04:10    Database Error in model b (models/b.sql)",
            '  column "nope" does not exist',
            "  LINE 4: select nope",
            "  compiled code at target/run/b.sql",
            "03:04:10",
            "03:04:10  Done. PASS=1 WARN=0 ERROR=1 SKIP=0 TOTAL=2",
        ],
    ),
    "psql": (
        'psql:load.sql:3: ERROR:  relation "facts" does not exist',
        [
            'psql:load.sql:3: ERROR:  relation "facts" does not exist',
            "LINE 1: select * from facts;",
            "                      ^",
        ],
    ),
    "psql2": (
        'ERROR:  duplicate key value violates unique constraint "k"',
        [
            'ERROR:  duplicate key value violates unique constraint "k"',
            "DETAIL:  Key (id)=(1) already exists.",
            "CONTEXT:  COPY t, line 2",
        ],
    ),
    "curl": (
        "curl: (22) The requested URL returned error: 404",
        [
            "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current",
            "                                 Dload  Upload   Total   Spent    Left  Speed",
            "  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0",
            "curl: (22) The requested URL returned error: 404",
        ],
    ),
    "java-caused-by": (
        "Caused by: java.sql.SQLException: no such table",
        [
            'Exception in thread "main" java.lang.RuntimeException: load failed',
            "\tat com.x.Main.main(Main.java:5)",
            "Caused by: java.sql.SQLException: no such table",
            "\tat com.x.Db.q(Db.java:10)",
            "\t... 1 more",
        ],
    ),
    "pip": (
        "ERROR: No matching distribution found for nope==9",
        [
            "ERROR: Could not find a version that satisfies the requirement nope==9 (from versions: none)",
            "ERROR: No matching distribution found for nope==9",
            "",
            "[notice] A new release of pip is available: 23.2.1 -> 24.0",
            "[notice] To update, run: pip install --upgrade pip",
        ],
    ),
    "terraform": (
        "Error: Invalid reference",
        [
            "\x1b[31m╷\x1b[0m\x1b[0m",
            "\x1b[31m│\x1b[0m \x1b[0m\x1b[1m\x1b[31mError: \x1b[0m\x1b[0m\x1b[1mInvalid reference\x1b[0m",
            "\x1b[31m│\x1b[0m \x1b[0m",
            '\x1b[31m│\x1b[0m \x1b[0m\x1b[0m  on main.tf line 3, in resource "x" "y":',
            "\x1b[31m│\x1b[0m \x1b[0m   3:   a = \x1b[4mnope\x1b[0m",
            "\x1b[31m│\x1b[0m \x1b[0m",
            "\x1b[31m│\x1b[0m \x1b[0mA reference to a resource type must be followed by at least one attribute access.",
            "\x1b[31m╵\x1b[0m\x1b[0m",
        ],
    ),
    "npm": (
        "npm ERR! 404 Not Found - GET https://example.com/nope - Not found",
        [
            "npm ERR! code E404",
            "npm ERR! 404 Not Found - GET https://example.com/nope - Not found",
            "npm ERR! ",
            "npm ERR! A complete log of this run can be found in: /root/.npm/_logs/x.log",
        ],
    ),
    "npm-test": (
        "Error: expected 3, got 2",
        [
            "Error: expected 3, got 2",
            "    at Object.<anonymous> (/app/test.js:3:9)",
            "npm error Lifecycle script `test` failed with error:",
            "npm error code 1",
            "npm error A complete log of this run can be found in: /root/.npm/_logs/x.log",
        ],
    ),
    "github-actions": (
        "fatal: no such remote",
        [
            "fatal: no such remote",
            "Error: Process completed with exit code 128.",
        ],
    ),
    "azure": (
        "fatal: no such remote",
        [
            "fatal: no such remote",
            "##[error]Process completed with exit code 128.",
        ],
    ),
    "python-chained": (
        "RuntimeError: load failed",
        [
            "Traceback (most recent call last):",
            '  File "a.py", line 1, in <module>',
            '    {}["a"]',
            "KeyError: 'a'",
            "",
            "During handling of the above exception, another exception occurred:",
            "",
            "Traceback (most recent call last):",
            '  File "a.py", line 3, in <module>',
            '    raise RuntimeError("load failed")',
            "RuntimeError: load failed",
        ],
    ),
    "python-and-trace": (
        "ValueError: bad month",
        [
            "Traceback (most recent call last):",
            '  File "a.py", line 1, in <module>',
            "    load()",
            "ValueError: bad month",
            "in row 5",
            "+ exit 1",
        ],
    ),
    "python-exception-group": (
        "ExceptionGroup: two problems (2 sub-exceptions)",
        [
            "  + Exception Group Traceback (most recent call last):",
            '  |   File "a.py", line 1, in <module>',
            '  |     raise ExceptionGroup("two problems", [ValueError("a"), KeyError("b")])',
            "  | ExceptionGroup: two problems (2 sub-exceptions)",
            "  +-+---------------- 1 ----------------",
            "    | ValueError: a",
            "    +---------------- 2 ----------------",
            "    | KeyError: 'b'",
            "    +------------------------------------",
        ],
    ),
    "sqlalchemy": (
        "sqlalchemy.exc.OperationalError: (psycopg.OperationalError) connection failed: Connection refused",
        [
            "Traceback (most recent call last):",
            '  File "a.py", line 1, in <module>',
            "sqlalchemy.exc.OperationalError: (psycopg.OperationalError) connection failed: Connection refused",
            "(Background on this error at: https://sqlalche.me/e/20/e3q8)",
        ],
    ),
    "git": (
        "fatal: Authentication failed for 'https://example.com/x.git/'",
        [
            "fatal: Authentication failed for 'https://example.com/x.git/'",
        ],
    ),
    "ssh": (
        "fatal: Could not read from remote repository.",
        [
            "git@example.com: Permission denied (publickey).",
            "fatal: Could not read from remote repository.",
            "",
            "Please make sure you have the correct access rights",
            "and the repository exists.",
        ],
    ),
    "docker": (
        "docker: Error response from daemon: pull access denied for nope, repository does not exist.",
        [
            "docker: Error response from daemon: pull access denied for nope, repository does not exist.",
            "See 'docker run --help'.",
        ],
    ),
    "argparse": (
        "load.py: error: unrecognized arguments: --dya",
        [
            "usage: load.py [-h] [--day DAY]",
            "load.py: error: unrecognized arguments: --dya",
        ],
    ),
    "click": (
        "Error: No such option: --dya Did you mean --day?",
        [
            "Usage: load [OPTIONS]",
            "Try 'load --help' for help.",
            "",
            "Error: No such option: --dya Did you mean --day?",
        ],
    ),
    "gcc": (
        "x.c:3:5: error: 'y' undeclared (first use in this function)",
        [
            "x.c: In function 'main':",
            "x.c:3:5: error: 'y' undeclared (first use in this function)",
            "    3 |     y = 1;",
            "      |     ^",
            "x.c:3:5: note: each undeclared identifier is reported only once for each function it appears in",
            "make: *** [Makefile:2: x.o] Error 1",
        ],
    ),
    "cargo": (
        "error[E0425]: cannot find value `y` in this scope",
        [
            "error[E0425]: cannot find value `y` in this scope",
            " --> src/main.rs:2:5",
            "  |",
            "2 |     y;",
            "  |     ^ not found in this scope",
            "",
            "error: aborting due to 1 previous error",
            "",
            "For more information about this error, try `rustc --explain E0425`.",
            'error: could not compile `x` (bin "x") due to 1 previous error',
        ],
    ),
    "maven": (
        "[ERROR] Failed to execute goal org.x:compile on project y: Compilation failure: cannot find symbol -> [Help 1]",
        [
            "[INFO] BUILD FAILURE",
            "[INFO] ------------------------------------------------------------------------",
            "[ERROR] Failed to execute goal org.x:compile on project y: Compilation failure: cannot find symbol -> [Help 1]",
            "[ERROR] ",
            "[ERROR] To see the full stack trace of the errors, re-run Maven with the -e switch.",
            "[ERROR] Re-run Maven using the -X switch to enable full debug logging.",
            "[ERROR] ",
            "[ERROR] For more information about the errors and possible solutions, please read the following articles:",
            "[ERROR] [Help 1] http://cwiki.apache.org/x",
        ],
    ),
    "gradle": (
        "> Compilation failed; see the compiler error output for details.",
        [
            "FAILURE: Build failed with an exception.",
            "",
            "* What went wrong:",
            "Execution failed for task ':compileJava'.",
            "> Compilation failed; see the compiler error output for details.",
            "",
            "* Try:",
            "> Run with --info option to get more log output.",
            "> Run with --scan to get full insights.",
            "",
            "BUILD FAILED in 2s",
        ],
    ),
    "spark": (
        "java.lang.ArithmeticException: / by zero",
        [
            "24/05/01 10:00:00 ERROR Executor: Exception in task 0.0 in stage 0.0 (TID 0)",
            "java.lang.ArithmeticException: / by zero",
            "\tat org.x.Y.z(Y.scala:3)",
            "24/05/01 10:00:01 INFO ShutdownHookManager: Shutdown hook called",
            "24/05/01 10:00:01 INFO ShutdownHookManager: Deleting directory /tmp/spark-1",
        ],
    ),
    "log-levels": (
        "2024-05-01 10:00:00,000 ERROR load: table missing",
        [
            "2024-05-01 10:00:00,000 ERROR load: table missing",
            "2024-05-01 10:00:00,001 INFO load: cleaning up",
            "2024-05-01 10:00:00,002 DEBUG load: bye",
        ],
    ),
    "summary-after-error": (
        "ERROR: row 5 has no month",
        [
            "ERROR: row 5 has no month",
            "Summary: 4 rows loaded, 1 error",
        ],
    ),
    "shell-trace": (
        "psql: error: connection to server failed",
        [
            "+ psql -f x",
            "psql: error: connection to server failed",
            "+ cleanup",
            "+ rm -rf /tmp/x",
            "+ exit 2",
        ],
    ),
    "killed": (
        "Killed",
        [
            "loading chunk 3",
            "Killed",
        ],
    ),
    "shell-line": (
        "load.sh: line 3: nope: command not found",
        [
            "load.sh: line 3: nope: command not found",
        ],
    ),
    "segmentation-fault": (
        "load.sh: line 3: 12345 Segmentation fault      (core dumped) ./load",
        [
            "load.sh: line 3: 12345 Segmentation fault      (core dumped) ./load",
        ],
    ),
    "jq": (
        'jq: error (at <stdin>:1): Cannot index string with string "a"',
        [
            'jq: error (at <stdin>:1): Cannot index string with string "a"',
        ],
    ),
    "aws": (
        "An error occurred (NoSuchBucket) when calling the ListObjects operation: The specified bucket does not exist",
        [
            "",
            "An error occurred (NoSuchBucket) when calling the ListObjects operation: The specified bucket does not exist",
        ],
    ),
    "ansible": (
        'fatal: [h1]: FAILED! => {"msg": "no such file"}',
        [
            'fatal: [h1]: FAILED! => {"msg": "no such file"}',
            "",
            "PLAY RECAP *********************************************************************",
            "h1                         : ok=1    changed=0    unreachable=0    failed=1    skipped=0",
        ],
    ),
    "gotest": (
        "load_test.go:5: got 2, want 3",
        [
            "--- FAIL: TestLoad (0.00s)",
            "    load_test.go:5: got 2, want 3",
            "FAIL",
            "exit status 1",
            "FAIL\tx/load\t0.002s",
        ],
    ),
    "jest": (
        "FAIL ./load.test.js",
        [
            "FAIL ./load.test.js",
            "  ● loads",
            "",
            "    expect(received).toBe(expected)",
            "",
            "    Expected: 3",
            "    Received: 2",
            "",
            "Test Suites: 1 failed, 1 total",
            "Tests:       1 failed, 1 total",
            "Snapshots:   0 total",
            "Time:        0.3 s",
            "Ran all test suites.",
        ],
    ),
    "kubectl": (
        'Error from server (NotFound): pods "x" not found',
        [
            'Error from server (NotFound): pods "x" not found',
        ],
    ),
    "node-unhandled": (
        "[UnhandledPromiseRejection: This error originated either by throwing inside of an async function without a catch block] {",
        [
            "node:internal/process/promises:288",
            "            triggerUncaughtException(err, true /* fromPromise */);",
            "            ^",
            "",
            "[UnhandledPromiseRejection: This error originated either by throwing inside of an async function without a catch block] {",
            "  code: 'ERR_UNHANDLED_REJECTION'",
            "}",
            "",
            "Node.js v20.11.0",
        ],
    ),
    "python-resource-warning": (
        "ValueError: bad",
        [
            "Traceback (most recent call last):",
            '  File "a.py", line 1, in <module>',
            "ValueError: bad",
            "sys:1: ResourceWarning: unclosed file <_io.TextIOWrapper name='x'>",
        ],
    ),
    "python-warning": (
        "ValueError: bad month",
        [
            "ValueError: bad month",
            "/usr/lib/python3/site.py:1: DeprecationWarning: x is deprecated",
            "  warnings.warn(",
        ],
    ),
    "tqdm": (
        "ValueError: bad month",
        [
            "ValueError: bad month",
            "100%|██████████| 45/45 [00:01<00:00, 33.3it/s]",
            "",
        ],
    ),
}
"""The reason, and the last lines that the program prints."""


@pytest.mark.parametrize("program", ENDINGS)
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_the_line_that_names_the_error_is_the_reason(program: str, stream: str) -> None:
    reason, lines = ENDINGS[program]
    found = FailureReason()
    for line in ["loading day 1", *lines]:
        found.add(stream, line)

    assert found.text == reason


@pytest.mark.parametrize("program", ENDINGS)
def test_output_of_the_other_stream_does_not_replace_it(program: str) -> None:
    reason, lines = ENDINGS[program]
    found = FailureReason()
    for line in lines:
        found.add("stdout", line)
    for line in (
        "loading day 1",
        "INFO clean up after the error",
        "DeprecationWarning: old",
        "0 errors in the cache",
        "make: *** [x] Error 1",
    ):
        found.add("stderr", line)

    assert found.text == reason


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["ERROR: table missing", "4 rows loaded", "Done in 3 s"], "ERROR: table missing"),
        (["ERROR: first", "ERROR: second", "bye"], "ERROR: second"),
        (["0 errors", "no failures", "stopped at day 3"], "stopped at day 3"),
        (["2 errors in 5 files", "see the report"], "2 errors in 5 files"),
        (["INFO starting", "DEBUG connecting"], "DEBUG connecting"),
        (["writing /var/log/error.log", "--error-file=x", "stopped at day 3"], "stopped at day 3"),
        (["ERROR: long ago", *(f"step {number}" for number in range(60))], "step 59"),
        (["warning: unused variable", "stopped at day 3"], "stopped at day 3"),
        (['{"level":"error","msg":"no such day"}', '{"level":"info","msg":"error reported"}'], '{"level":"error","msg":"no such day"}'),
        (["level=error msg=boom", "level=info msg=bye"], "level=error msg=boom"),
    ],
)
def test_a_line_that_names_an_error_counts_more_than_later_ones(lines: list[str], reason: str) -> None:
    found = FailureReason()
    for line in lines:
        found.add("stderr", line)

    assert found.text == reason
