"""URLs with and without a path: which are accepted, and that the path is free."""

import pytest

from entrypoints.base_url import OWN_SEGMENTS, check_free_base_path, normalize_base_url, parse_base_path
from tests.support.in_process import InProcessHeadgate

ACCEPTED = {
    "http://127.0.0.1:8000": "http://127.0.0.1:8000",
    "https://headgate.example.com/": "https://headgate.example.com",
    "https://ops.example.com/headgate": "https://ops.example.com/headgate",
    "https://ops.example.com/headgate/": "https://ops.example.com/headgate",
    " https://ops.example.com/headgate//\n": "https://ops.example.com/headgate",
    "HTTPS://Ops.Example.com/Headgate": "https://Ops.Example.com/Headgate",
    "https://ops.example.com:8443/team/a.b_c~1/headgate-2": "https://ops.example.com:8443/team/a.b_c~1/headgate-2",
    "http://[::1]:8000/headgate": "http://[::1]:8000/headgate",
    "http://[2001:db8::1]": "http://[2001:db8::1]",
    "http://my_web:65535/x/...": "http://my_web:65535/x/...",
}
REFUSED = (
    "headgate.example.com",
    "ftp://headgate.example.com",
    "//headgate.example.com",
    "/headgate",
    "https://",
    "https:///headgate",
    "https://user:password@ops.example.com/headgate",
    "https://ops.example.com/headgate?x=1",
    "https://ops.example.com/headgate?",
    "https://ops.example.com/#headgate",
    "https://ops.example.com:0/headgate",
    "https://ops.example.com:65536",
    "https://ops.example.com:",
    "https://ops.example.com:http",
    "https://:8000",
    "https://ops example.com",
    "https://öps.example.com",
    "https://[::1",
    "https://[ops]/headgate",
    "https://ops.example.com/head%67ate",
    "https://ops.example.com/head%2Fgate",
    "https://ops.example.com/schranke-ä",
    "https://ops.example.com/head gate",
    "https://ops.example.com/a//b",
    "https://ops.example.com/a/./b",
    "https://ops.example.com/a/../b",
    "https://ops.example.com/..",
    "https://ops.example.com/a\\b",
    'https://ops.example.com/"><script>',
    "https://ops.example.com/a;b",
    "https://ops.example.com/a\nb",
    "https://ops.example.com\t/a",
)


@pytest.mark.parametrize(("url", "normalized"), ACCEPTED.items())
def test_a_url_is_normalized(url: str, normalized: str) -> None:
    assert normalize_base_url(url) == normalized


@pytest.mark.parametrize("url", REFUSED)
def test_a_url_that_clients_could_not_use_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(ValueError, match=r"^.+\Z"):
        normalize_base_url(url)


def test_the_base_path_has_no_trailing_slash() -> None:
    assert [parse_base_path(url) for url in ("http://a", "http://a/", "http://a/b", "http://a/b/c")] == ["", "", "/b", "/b/c"]


def test_no_route_begins_like_an_accepted_base_path() -> None:
    routes = InProcessHeadgate().app.state.routes

    assert {path.split("/")[1] for _, path in routes.rules} - {""} == OWN_SEGMENTS


@pytest.mark.parametrize("path", ["/ui", "/ui/x", "/runs/", "/worker/a", "/static", "/openapi.json"])
def test_a_path_of_headgate_itself_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=f"must not begin with /{path.split('/')[1]}"):
        check_free_base_path(f"https://ops.example.com{path}")


@pytest.mark.parametrize("path", ["", "/", "/UI", "/ui2", "/headgate/ui", "/run"])
def test_other_paths_are_free(path: str) -> None:
    check_free_base_path(f"https://ops.example.com{path}")
