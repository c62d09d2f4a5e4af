"""The words that people read on pages, in messages, in the terminal and in the docs."""

import pytest

from tests.support.strings import FoundString, Kind, collect_strings
from tests.support.strings.document_strings import read_markdown
from tests.support.strings.python_strings import read_module
from tests.support.strings.script_strings import read_script
from tests.support.strings.template_strings import read_template
from tests.support.strings.wording import find_wording_problems, list_offenders, list_unused_exceptions

REFUSED_TEXTS = [
    "ended with Exited with code 3. DETAIL… on attempt 2 of 2.",
    "it fails in {} without one",
    "Completed; statistics did not, and was allowed to.",
    "The name example.com leads to no address.",
    "Port 8031 may not be asked",
    "Burst 1 asks for a worker of pool headgate",
    "{} took burst 1",
    "Someone had marts tried again, as attempt 2",
    "On a page of their own",
    "Narrow",
    "in any way",
    "by a first report",
    "Breaks most often",
    "Nothing broke in these runs",
    "Failures that are alike",
    "As in the latest run · numbers are records passed on · up to 16 at a time",
    "The first one",
    "Changed nothing that counts",
    "None yet.",
    "Well",
    "Everything is well.",
    "answers",
    "Prefect does not answer.",
    "Nothing waits for anybody.",
    "Leave it",
    "Keep it running",
    "What completed is kept",
    "then each gets its turn",
    "Try it again",
    "Go on without it",
    "End it",
    "told in the run's history",
    "All of them",
    "Make one",
    "There is none yet",
    "Give",
    "Shut",
    "A viewer sees.",
    "Another password",
    "Password until now",
    "The same again",
    "Change it",
    "The name and the password do not go together.",
    "what a token is good for, its scopes say",
    "Pipeline: a reporter's; for others, to bind it",
    "Ends after: days; empty: never",
    "notify is JSON",
    "version is needed",
    "rows left empty are passed over",
    "command: is a list… (or set shell: true)",
    "PUT it to add a revision",
    "Done.",
    "somebody created a pipeline",
    "nobody",
    "The pipelines and the runs there are stand behind the links below",
    "Without a worker, no run starts",
    "Only then does the run start",
    "It sits in the queue",
    "whoever waits",
    "Click here to continue",
    "Please try again",
    "Sorry, that failed",
    "Saved!",
    "Two  spaces",
    "Log in to continue",
    "The workflow was canceled",
]
REFUSED_FORMS = [
    (Kind.BUTTON, "Password"),
    (Kind.BUTTON, "Start the run over its concurrency limit"),
    (Kind.ERROR, "The run has ended"),
    (Kind.ERROR, "the run has ended."),
    (Kind.PROBLEM, "Must be a number"),
    (Kind.PROBLEM, "must be a number."),
    (Kind.TEXT, "the stage's log"),
]
ACCEPTED = [
    (Kind.TEXT, "times out in 6 d 23 h"),
    (Kind.TEXT, "Completed. statistics failed, which is allowed."),
    (Kind.ERROR, "Could not resolve example.com."),
    (Kind.TEXT, "Port 8031 is not allowed"),
    (Kind.SENTENCE, "Waiting for a worker"),
    (Kind.SENTENCE, "Assigned to worker-vm"),
    (Kind.SENTENCE, "marts will run again (attempt 2)"),
    (Kind.HEADING, "Similar failures"),
    (Kind.TEXT, "Latest run · edge labels: records · max 16 in parallel"),
    (Kind.TEXT, "All systems OK"),
    (Kind.TEXT, "Nothing is waiting."),
    (Kind.BUTTON, "Don’t cancel"),
    (Kind.BUTTON, "Retry from {} r"),
    (Kind.BUTTON, "New account"),
    (Kind.TEXT, "Completed stages are kept. Failed, lost or cancelled stages run again, then the stages they blocked."),
    (Kind.PROBLEM, "must be a list, or set shell: true"),
    (Kind.PROBLEM, "is required"),
    (Kind.ERROR, "must be a number per second, or none"),
]


def find_problems(kind: Kind, text: str) -> list[str]:
    return list(find_wording_problems(FoundString("page.html", 1, kind, text)))


def test_every_string_follows_the_rules_of_wording() -> None:
    assert list_offenders(collect_strings()) == []


def test_every_exception_is_needed() -> None:
    assert list_unused_exceptions(collect_strings()) == []


@pytest.mark.parametrize("text", REFUSED_TEXTS)
def test_a_phrase_that_the_rules_replace_is_refused(text: str) -> None:
    assert find_problems(Kind.SENTENCE, text)


@pytest.mark.parametrize(("kind", "text"), REFUSED_FORMS)
def test_a_string_of_the_wrong_form_is_refused(kind: Kind, text: str) -> None:
    assert find_problems(kind, text)


@pytest.mark.parametrize(("kind", "text"), ACCEPTED)
def test_what_the_rules_say_instead_is_accepted(kind: Kind, text: str) -> None:
    assert find_problems(kind, text) == []


def test_strings_of_each_kind_are_collected() -> None:
    kinds = {found.kind for found in collect_strings()}

    assert kinds == set(Kind)
    assert len(collect_strings()) > 4_000


def test_texts_labels_and_literals_of_a_template_are_found() -> None:
    source = (
        '<h1>Accounts ({{ n }})</h1>\n<button title="Ends now">Save role</button>\n<p>{{ "Not now" if a else "Active" }} <b>of</b> it</p>'
    )

    found = {(each.line, each.kind, each.text) for each in read_template(source, "a.html")}

    assert found == {
        (1, Kind.HEADING, "Accounts ({})"),
        (2, Kind.ATTRIBUTE, "Ends now"),
        (2, Kind.BUTTON, "Save role"),
        (3, Kind.EXPRESSION, "Not now"),
        (3, Kind.EXPRESSION, "Active"),
        (3, Kind.TEXT, "{} of it"),
    }


def test_messages_of_a_module_are_found_with_their_kind() -> None:
    source = (
        'raise Conflict("ended", f"Run {number} has " "ended.")\nFieldProblem("a", "must be set")\n'
        'log.warning("cannot connect: %s", e)\nTEXT = "One word " + name\nSQL = "SELECT a FROM b"\nKEY = "is_word"\n'
    )

    assert [(each.line, each.kind, each.text) for each in read_module(source, "domain/a.py")] == [
        (1, Kind.ERROR, "Run {} has ended."),
        (2, Kind.PROBLEM, "must be set"),
        (3, Kind.LOG, "cannot connect: %s"),
        (4, Kind.SENTENCE, "One word {}"),
    ]


def test_literals_of_a_script_and_prose_of_a_document_are_found() -> None:
    script = 'toast("No output yet."); // a comment "not this"\nconst text = `${n} new lines`;'
    document = "# A title\n\nOne paragraph\non two lines.\n\n```sh\nmake it  # start it now\n```\n"

    assert [each.text for each in read_script(script, "a.js")] == ["No output yet.", "{} new lines"]
    assert [(each.line, each.text) for each in read_markdown(document, "a.md")] == [
        (1, "# A title"),
        (3, "One paragraph on two lines."),
        (7, "start it now"),
    ]
