"""Strings that may break a rule of wording, each with the reason."""

from __future__ import annotations

from typing import Final

ALLOWED: Final = {
    ("adapters/delivery/channels/mail_message.py", "color-scheme"): "a name of CSS",
    ("examples/flights/chart.py", "prefers-color-scheme"): "a name of CSS",
    ("application/services/flow_runs/deployment_checks.py", "Prefect has no deployment"): "Prefect is a name",
    ("entrypoints/web/templates/sign_in.html", "Sign in with your organisation"): "the usual label of single sign-on",
    ("entrypoints/web/templates/definition_preview.html", "Set shell: true in"): "names a key and its value",
    ("entrypoints/web/templates/macros/editor.html", "Add with shell: true"): "names a key and its value",
    ("entrypoints/api/logs/models.py", "extract[1]"): "a line of the plain log",
    ("entrypoints/api/reports/models.py", "canceled…"): "a word that reports may use",
    ("entrypoints/api/incidents/routes.py", "ID   STATE"): "a table of text",
    ("entrypoints/web/text_incidents.py", "headgate ack"): "a mark in a table of text",
    ("entrypoints/web/text_pages.py", "F failed"): "the legend of a table of text",
    ("entrypoints/cli/actions/prefect_command.py", "Password:"): "a table of text",
    ("entrypoints/cli/actions/parameters.py", "--params-file"): "the name of an option",
    ("entrypoints/cli/actions/trigger.py", "--list-params"): "the name of an option",
    ("entrypoints/worker/stage_host/start_errors.py", "#!"): "the first bytes of a script",
    ("entrypoints/worker/stage_host/result_limits.py", "is not JSON serializable"): "the words of Python's json module",
    ("entrypoints/worker/stage_host/stage_process.py", "The command is empty"): "continues `The stage could not be started:`",
    ("entrypoints/worker/stage_host/python_callable.py", "No module named"): "continues the name of the callable",
    ("entrypoints/worker/stage_host/python_callable.py", "No function"): "continues the name of the callable",
    ("entrypoints/worker/stage_host/python_callable.py", "The callable returned"): "continues the name of the callable",
    ("entrypoints/worker/runner/stage_environment.py", "The working directory"): "continues `The stage could not be started:`",
    ("docs/how-to/report-from-another-machine.md", "`canceled`"): "a word that reports may use",
    ("docs/how-to/write-a-pipeline.md", "--params-file"): "the name of an option",
    ("docs/lineage.md", "`canceled`"): "the word of another system",
    ("docs/reference/commands.md", "--params-file"): "the name of an option",
    ("docs/reference/commands.md", "--list-params"): "the name of an option",
    ("docs/decisions/0001-embedded-postgresql.md", "`nobody`"): "the name of a user",
    ("docs/decisions/0010-persistence-performance.md", "`params`"): "a name of SQLAlchemy",
    ("CHANGELOG.md", "--list-params"): "the name of an option",
    ("CHANGELOG.md", "task run"): "a term of Prefect",
    ("docs/decisions/0027-flow-runs-recorded-by-the-web.md", "task run"): "a term of Prefect",
    ("docs/how-to/add-workers.md", "task run"): "a term of Prefect",
    ("CHANGELOG.md", '"Burst" is now'): "names the term of an earlier release",
    ("examples/retries/pipeline.yaml", "─"): "a drawing",
    ("examples/nightly_report/report.sh", "HEADGATE_"): "a table of text",
}
"""The path of a file and a part of the string, with the reason why it stays."""
IGNORED_PATHS: Final = {"docs/renames.md": "lists the names of earlier releases"}
