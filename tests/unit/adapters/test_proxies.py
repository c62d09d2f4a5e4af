"""Which proxy a URL gets from the environment: none on this machine, the user's elsewhere, and a clear line if it cannot be used."""

from __future__ import annotations

import pytest

from adapters.proxies import InvalidProxy, exempt_local_hosts, find_proxy, is_this_machine, remove_proxy_variables

PROXY = "http://proxy.example.com:3128"
NAMES = ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "Http_Proxy", "hTTPS_pROXY", "All_proxy"]
UNUSABLE = [
    "socks4://proxy:1080",
    "socks4a://proxy:1080",
    "socks5://127.0.0.1:9",
    "SOCKS5H://user:secret@proxy:1080",
    "ftp://proxy:21",
    "http://",
    "http://:3128",
    "http://proxy:port",
    "http://proxy:0",
    "http://proxy:99999",
    "http://[::1",
    "://proxy:3128",
    "http://pro xy:3128",
    "http://pröxy:3128",
    "proxy.corp:abc",
    "unix:///run/proxy.sock",
    "http:// ",
    "direct://",
]
LOCAL_URLS = [
    "http://127.0.0.1:8000",
    "http://localhost:8000/headgate",
    "http://LOCALHOST.:8000",
    "https://headgate.localhost",
    "http://[::1]:8000",
    "http://127.8.9.1",
    "http://127.1:8000",
    "http://0.0.0.0:8000",
    "http://[::]:8000",
    "http://[::ffff:127.0.0.1]:8000",
]


@pytest.mark.parametrize("url", LOCAL_URLS)
@pytest.mark.parametrize("value", [PROXY, *UNUSABLE])
def test_no_proxy_variable_touches_this_machine(url: str, value: str) -> None:
    environment = dict.fromkeys([*NAMES, "ftp_proxy", "socks_proxy", "ws_proxy"], value) | {"NO_PROXY": "odd,[,:,://,*.x"}

    assert find_proxy(url, environment) is None


@pytest.mark.parametrize("name", NAMES)
def test_a_remote_url_gets_the_proxy_of_its_scheme_in_any_case(name: str) -> None:
    scheme = name.lower().removesuffix("_proxy").replace("all", "http")

    assert find_proxy(f"{scheme}://headgate.example.com/x", {name: PROXY}) == PROXY


@pytest.mark.parametrize(
    ("value", "proxy"),
    [
        ("proxy:3128", "http://proxy:3128"),
        (" http://proxy:3128 ", "http://proxy:3128"),
        ("HTTP://proxy:3128", "http://proxy:3128"),
        ("https://proxy", "https://proxy"),
        ("http://user:pass%20word@proxy:3128/", "http://user:pass%20word@proxy:3128/"),
        ("http://[2001:db8::1]:3128", "http://[2001:db8::1]:3128"),
        ("", None),
        ("  ", None),
    ],
)
def test_a_proxy_is_read_as_other_programs_do(value: str, proxy: str | None) -> None:
    assert find_proxy("https://headgate.example.com", {"HTTPS_PROXY": value}) == proxy


@pytest.mark.parametrize("value", UNUSABLE)
def test_a_proxy_that_cannot_be_used_is_one_line_without_its_value(value: str) -> None:
    with pytest.raises(InvalidProxy) as failure:
        find_proxy("https://headgate.example.com", {"ALL_PROXY": value})

    assert "\n" not in str(failure.value)
    assert str(failure.value).startswith("ALL_PROXY is ")
    assert "secret" not in str(failure.value)
    assert "http://proxy.example.com:3128" in str(failure.value)


def test_the_scheme_comes_before_all_and_lower_case_before_upper_case() -> None:
    both = {"ALL_PROXY": "socks5://proxy:1080", "HTTPS_PROXY": "http://upper:1", "https_proxy": "http://lower:1"}

    assert find_proxy("https://headgate.example.com", both) == "http://lower:1"
    assert find_proxy("https://headgate.example.com", both | {"https_proxy": "", "ALL_PROXY": ""}) is None
    assert find_proxy("http://headgate.example.com", {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}) is None


@pytest.mark.parametrize(
    "listed",
    [
        *("*", "headgate.example.com", ".example.com", "*.example.com", "example.com", "a b,example.com", "HEADGATE.EXAMPLE.COM."),
        *("headgate.example.com:8443", "https://headgate.example.com", ",,example.com,", "[,example.com", "x:y:z,example.com", "a,*"),
    ],
)
def test_no_proxy_exempts_a_host(listed: str) -> None:
    assert find_proxy("https://headgate.example.com:8443", {"HTTPS_PROXY": PROXY, "NO_PROXY": listed}) is None


@pytest.mark.parametrize("listed", ["", "ample.com", "headgate.example.com:443", "example.org", "http://", ":", "[]", "10.0.0.0/8", "."])
def test_no_proxy_does_not_exempt_other_hosts(listed: str) -> None:
    assert find_proxy("https://headgate.example.com:8443", {"HTTPS_PROXY": PROXY, "no_proxy": listed}) == PROXY


@pytest.mark.parametrize(
    ("host", "listed"),
    [("10.1.2.3", "10.0.0.0/8"), ("10.1.2.3", "10.1.2.3"), ("[2001:db8::7]", "2001:db8::/32"), ("10.1.2.3", "10.1.2.3/8")],
)
def test_no_proxy_takes_networks(host: str, listed: str) -> None:
    assert find_proxy(f"http://{host}:8000", {"http_proxy": PROXY, "no_proxy": listed}) is None


@pytest.mark.parametrize("host", ["example.com", "localhost.example.com", "mylocalhost", "10.0.0.1", "128.0.0.1", "", "::2", "1.2.3"])
def test_other_hosts_are_not_this_machine(host: str) -> None:
    assert not is_this_machine(host)


def test_a_process_with_a_proxy_is_told_the_hosts_without_one() -> None:
    environment = exempt_local_hosts({"HTTP_PROXY": PROXY, "NO_PROXY": "a.example,127.0.0.1"}, ["192.0.2.7"])

    assert environment["NO_PROXY"] == environment["no_proxy"] == "a.example,127.0.0.1,localhost,::1,192.0.2.7"
    assert exempt_local_hosts({"PATH": "/bin", "NO_PROXY": "x"}) == {"PATH": "/bin", "NO_PROXY": "x"}
    assert exempt_local_hosts({"all_proxy": PROXY, "no_proxy": "*"})["NO_PROXY"] == "*"


def test_every_proxy_variable_is_removed() -> None:
    proxies = dict.fromkeys([*NAMES, "ftp_proxy", "no_proxy", "NO_PROXY", "SOCKS_PROXY"], PROXY)

    assert remove_proxy_variables(proxies | {"PATH": "/bin"}) == {"PATH": "/bin"}
