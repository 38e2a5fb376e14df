"""Reading a body, whatever its Content-Type says."""

import json
from string import printable

import pytest
from hypothesis import given as cases
from hypothesis import strategies as st

from tidings.dialects.bsg_v1.payload import decode, flag, given, text, whole
from tidings.dialects.bsg_v1.settings import Settings
from tidings.dialects.bsg_v1.words import Code, Problem

SETTINGS = Settings()


def code_of(body: bytes, content_type: str = "application/json") -> Code:
    with pytest.raises(Problem) as caught:
        decode(body, content_type, SETTINGS)
    return caught.value.code


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "text/json; charset=utf-8",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "",
    ],
)
def test_json_is_read_under_any_content_type(content_type: str) -> None:
    assert decode(b'{"destination":"phone"}', content_type, SETTINGS) == {"destination": "phone"}


@pytest.mark.parametrize(
    "body", [b'\xef\xbb\xbf{"a":"b"}', b' \r\n{"a":"b"}\n', b'[{"a":"b"}]', b'[ {"a":"b"} ]']
)
def test_a_mark_in_front_blanks_around_and_an_array_of_one_do_not_matter(body: bytes) -> None:
    assert decode(body, "application/json", SETTINGS) == {"a": "b"}


def test_a_form_is_read_where_the_body_is_no_json() -> None:
    body = b"destination=phone&msisdn=%2B380972920000&body=Hi+there&reference="
    assert decode(body, "application/x-www-form-urlencoded", SETTINGS) == {
        "destination": "phone",
        "msisdn": "+380972920000",
        "body": "Hi there",
        "reference": "",
    }


def test_a_multipart_form_is_read_by_its_boundary() -> None:
    body = (
        b'--------------------------1f\r\nContent-Disposition: form-data; name="destination"\r\n\r\nphone\r\n'
        b'--------------------------1f\r\nContent-Disposition: form-data; name="body"\r\n\r\n'
        + "Привіт\r\nсвіте".encode()
        + b"\r\n--------------------------1f--\r\n"
    )
    content_type = "multipart/form-data; boundary=------------------------1f"
    assert decode(body, content_type, SETTINGS) == {"destination": "phone", "body": "Привіт\r\nсвіте"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"[1]",
        b"[{},{}]",
        b'"phone"',
        b"{",
        b'{"a":\xff}',
        b'{"a":"\\ud800"}',
        b'{"a":1e999}',
        b'{"a":' + b"9" * 100_000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"phones":[' + b"1," * 1_100_000 + b"1]}",
        b"\xff\xfe=1",
        b"%ff=%ff",
        b"&".join(b"a%d=1" % n for n in range(51)),
        b"a=" + b"x" * 65_536,
    ],
    ids=lambda body: f"{body[:12]!r}+{len(body)}",
)
def test_what_is_no_object_is_a_bad_payload(body: bytes) -> None:
    assert code_of(body) == Code.BAD_PAYLOAD


@pytest.mark.parametrize(
    "body",
    [
        b"no boundary at all",
        b"--x\r\n\r\nnameless\r\n--x--\r\n",
        b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff\r\n--x--\r\n",
        b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\n--y--\r\n--x--\r\n",
        b"".join(b'--x\r\nContent-Disposition: form-data; name="%d"\r\n\r\n1\r\n' % n for n in range(51))
        + b"--x--",
        b"".join(b"--x\r\nContent-Type: multipart/mixed; boundary=x%d\r\n\r\n" % n for n in range(1000)),
    ],
)
def test_a_broken_multipart_form_is_a_bad_payload(body: bytes) -> None:
    assert code_of(body, "multipart/form-data; boundary=x") == Code.BAD_PAYLOAD


@cases(st.binary(max_size=300), st.text(printable, max_size=60))
def test_any_bytes_are_an_object_or_a_bad_payload(body: bytes, content_type: str) -> None:
    try:
        assert isinstance(decode(body, content_type.encode().decode("latin-1"), SETTINGS), dict)
    except Problem as problem:
        assert problem.code == Code.BAD_PAYLOAD


@cases(st.binary(max_size=300))
def test_any_parts_of_a_form_are_fields_or_a_bad_payload(middle: bytes) -> None:
    body = b"--x\r\n" + middle + b"\r\n--x--"
    try:
        assert isinstance(decode(body, "multipart/form-data; boundary=x", SETTINGS), dict)
    except Problem as problem:
        assert problem.code == Code.BAD_PAYLOAD


def test_null_and_empty_mean_absent() -> None:
    payload = {"null": None, "empty": "", "zero": 0, "no": False}
    assert [given(payload, name) for name in ("null", "empty", "gone", "zero", "no")] == [
        None,
        None,
        None,
        0,
        False,
    ]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        *[(72, 72), ("72", 72), (" 72 ", 72), ("-1", -1), (0, 0), ("000000072", 72)],
        *[(value, None) for value in ("", "1.5", 1.5, True, "72h", [], "٧٢", "1" * 10, 10**30, None)],
    ],
)
def test_whole_numbers_come_as_numbers_or_strings(value: object, number: int | None) -> None:
    assert whole(value) == number


def test_a_number_stands_for_a_string_but_a_switch_does_not() -> None:
    assert [text(value) for value in ("a", 380, True, 1.0, None, [])] == ["a", "380", None, None, None, None]


@pytest.mark.parametrize("on", [True, 1, "1", "true", "True"])
@pytest.mark.parametrize("off", [False, 0, "0", "false", "", None])
def test_a_switch_has_many_spellings(on: object, off: object) -> None:
    assert flag({"2way": on}, "2way") and not flag({"2way": off}, "2way") and not flag({}, "2way")


@pytest.mark.parametrize("value", [2, "yes", [], {}, 1.5, -1, "01"])
def test_a_switch_that_is_none_is_named(value: object) -> None:
    with pytest.raises(Problem, match="7 Invalid or missing parameters: 2way"):
        flag({"2way": value}, "2way")


def test_ten_thousand_recipients_with_long_texts_fit() -> None:
    row = {"msisdn": "380972920000", "reference": "r", "originator": "BSG", "body": "a, b, c, d; " * 20}
    body = json.dumps({"destination": "individual", "phones": [row] * 10_000}).encode()
    phones = decode(body, "application/json", SETTINGS)["phones"]
    assert isinstance(phones, list) and len(phones) == 10_000
