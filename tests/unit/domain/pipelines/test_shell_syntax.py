"""Commands that only a shell understands are recognised, and others are not."""

import pytest

from domain.pipelines.shell_syntax import find_shell_syntax, join_for_shell


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("cat a | wc -l", "|"),
        ("make && make install", "&&"),
        ("make || true", "||"),
        ("cd x; ls", ";"),
        ("ls > out.txt", ">"),
        ("ls >> out.txt", ">>"),
        ("ls 2>&1", "2>&1"),
        ("wc < in.txt", "<"),
        ("echo $(date)", "$("),
        ("echo `date`", "`"),
        ("echo $HOME", "$HOME"),
        ('echo "${HOME}/x"', "${HOME}"),
        ("rm *.csv", "*.csv"),
        ("ls ~/x", "~/"),
        ("sleep 5 &", "&"),
        ("echo a\necho b", "a line break"),
    ],
)
def test_a_command_line_with_shell_syntax_names_it(line: str, found: str) -> None:
    assert find_shell_syntax(line) == found


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ls -l",
        "echo 'a | b'",
        'echo "a > b && c"',
        r"echo a\|b",
        "curl https://x.org/?a=1",
        "dump --out=a.csv",
        "echo '$HOME'",
        'echo "5 $"',
    ],
)
def test_an_ordinary_command_line_has_none(line: str) -> None:
    assert find_shell_syntax(line) is None


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["cat", "a", "|", "wc"], "|"),
        (["ls", ">out"], ">out"),
        (["cd", "x;", "ls"], ";"),
        (["echo", "$HOME/x"], "$HOME/x"),
        (["rm", "*.csv"], "*.csv"),
        (["sh", "-c", "a | b", "|"], None),
        (["/bin/bash", "-c", "x", "&&"], None),
        (["grep", "a|b", "x"], None),
        (["sql", "SELECT * FROM t WHERE a > 1"], None),
        (["ls", "a", "b"], None),
        ([], None),
    ],
)
def test_only_whole_words_of_a_list_are_shell_syntax(words: list[str], found: str | None) -> None:
    assert find_shell_syntax(words) == found


def test_words_are_joined_with_quotes_where_a_shell_needs_them() -> None:
    assert join_for_shell(["cat", "a b", "|", "grep", "it's", ">", "$OUT"]) == """cat 'a b' | grep 'it'"'"'s' > $OUT"""
