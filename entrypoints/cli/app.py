"""The `headgate` command: every subcommand in one Typer application.

The modules in `commands` hold signatures only. Each command imports its action when it runs, so that `--help` is fast.
"""

import typer

from entrypoints.cli.commands.accounts import users
from entrypoints.cli.commands.activation import archive, delete, pause, resume, unarchive
from entrypoints.cli.commands.backfills import backfill, backfill_cancel, backfill_pause, backfill_resume, backfills
from entrypoints.cli.commands.channels import channels
from entrypoints.cli.commands.completion import completion, set_up
from entrypoints.cli.commands.definitions import init, lint, schema
from entrypoints.cli.commands.deployments import deployments, prefect
from entrypoints.cli.commands.groups import groups, start_over_limit
from entrypoints.cli.commands.incidents import ack, incidents, resolve, snooze
from entrypoints.cli.commands.logs import get, logs
from entrypoints.cli.commands.maintenance import config, migrate, prune, retry_prefect, worker_token
from entrypoints.cli.commands.pipelines import apply, status, trigger
from entrypoints.cli.commands.processes import up, web, worker
from entrypoints.cli.commands.runs import again, approve, cancel, reject, retry, skip, waiting
from entrypoints.cli.commands.schedules import next_times, run_now, schedules, why
from entrypoints.cli.commands.silences import silence, silence_end, silences
from entrypoints.cli.commands.tokens import tokens, worker_tokens
from entrypoints.cli.error_reporting import end_on_closed_output, escape_unprintable_characters, exit_on_known_errors
from entrypoints.process.garbage_collection import collect_rarely
from entrypoints.process.time_zones import use_packaged_time_zones

app = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.callback()(set_up)
for _command in (up, web, worker, migrate, prune):
    app.command()(_command)
app.command("retry-prefect")(retry_prefect)
app.command("worker-token")(worker_token)
app.command()(config)
for _file_command in (init, lint, schema):
    app.command()(_file_command)
for _api_command in (apply, trigger, status, retry, again, cancel, skip, approve, reject, waiting):
    app.command()(_api_command)
for _activation_command in (pause, resume, archive, unarchive, delete):
    app.command()(_activation_command)
app.command("logs")(logs)
app.command("get")(get)
app.command("completion")(completion)
app.command("schedules")(schedules)
app.command("next")(next_times)
app.command("run-now")(run_now)
app.command("why")(why)
app.command("groups")(groups)
app.command("start-over-limit")(start_over_limit)
app.command("deployments")(deployments)
app.command("prefect", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})(prefect)
app.command("backfill")(backfill)
app.command("backfills")(backfills)
app.command("backfill-pause")(backfill_pause)
app.command("backfill-resume")(backfill_resume)
app.command("backfill-cancel")(backfill_cancel)
for _alert_command in (incidents, ack, snooze, resolve, silence, silences):
    app.command()(_alert_command)
app.command("silence-end")(silence_end)
app.add_typer(channels, name="channels")
app.add_typer(users, name="user")
app.add_typer(tokens, name="token")
app.add_typer(worker_tokens, name="worker-tokens")


def main() -> None:
    """Run the command line. Expected errors become one line on stderr and exit code 2."""
    collect_rarely()
    escape_unprintable_characters()
    use_packaged_time_zones()
    with end_on_closed_output(), exit_on_known_errors():
        app()
