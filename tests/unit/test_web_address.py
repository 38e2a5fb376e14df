"""Customers' URLs taken apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.domain.web_address import WebAddress, parse


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("http://a.example", WebAddress(False, "a.example", 80, "/")),
        ("HTTPS://A.Example:8443/x/y?z=1&z=2#part", WebAddress(True, "a.example", 8443, "/x/y?z=1&z=2")),
        ("https://a.example?id=1", WebAddress(True, "a.example", 443, "/?id=1")),
        ("http://[2001:db8::1]:81/", WebAddress(False, "2001:db8::1", 81, "/")),
        ("http://xn--e1afmkfd.example/", WebAddress(False, "xn--e1afmkfd.example", 80, "/")),
    ],
)
def test_a_web_address_is_taken_apart(url, parsed):
    assert parse(url) == parsed


@pytest.mark.parametrize(
    "url",
    [
        "", "a.example", "ftp://a.example/", "file:///etc/passwd", "http://", "http:///x", "http://:80/",
        "http://a.example:0/", "http://a.example:65536/", "http://a.example:x/", "http://user:pass@a.example/",
        "http://a.example\\@b.example/", "http://a.example/ x", "http://a.example/\r\nX: y", "http://ä.example/",
        "http://[::1/", "http://[fe80::1%eth0]/", "http://-a.example/", "http://a_.example/" + "x" * 2048,
    ],
)  # fmt: skip
def test_what_is_no_plain_web_address_is_none(url):
    assert parse(url) is None


def test_an_origin_and_its_lane_leave_the_path_out():
    first, second = parse("https://a.example/1"), parse("https://A.example:443/2?x")
    assert first.origin == second.origin == "https://a.example"
    assert first.lane == second.lane != parse("https://a.example:444/").lane
    assert 0 <= first.lane < 2**31


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_none_and_never_breaks_a_request(text):
    for url in (text, f"http://{text}", f"https://a.example/{text}"):
        parsed = parse(url)
        if parsed is not None:
            line = f"POST {parsed.target} HTTP/1.1\r\nHost: {parsed.authority}\r\n"
            assert line.count("\r\n") == 2 and line.isascii() and parsed.target.startswith("/")
            assert len(line.split("\r\n", maxsplit=1)[0].split(" ")) == 3
