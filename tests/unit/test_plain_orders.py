"""The short way of plain orders and the way that can do everything come to the same."""

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tidings.dialects.bsg_v1 import create, payload, usual
from tidings.dialects.bsg_v1.settings import Settings
from tidings.dialects.bsg_v1.words import Problem
from tidings.domain import ids, number
from tidings.domain.errors import Fault
from tidings.domain.order import (
    Account,
    Caller,
    Dialect,
    Draft,
    Extras,
    OnFault,
    Order,
    Pattern,
    PlainOrder,
    Receipted,
    Remembered,
)
from tidings.domain.routing import ConnectorFacts, Offers, Price, PriceTable, Route, RouteTable
from tidings.domain.text import segment, weigh
from tidings.flows.accept import judge_all
from tidings.flows.judge import Judge
from tidings.flows.judge_plain import NotPlain
from tidings.flows.ledger import Ledger
from tidings.flows.prepare import Prepared, PreparedPlain, prepare
from tidings.flows.records import Catalog, Funds

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECRET = b"s" * 32
SETTINGS = Settings()

numbers = st.sampled_from(
    ["380501234567", "+380 50 765 43 21", " 4915112345678 ", "12025550100", "0501", "", "x"]
)
references = st.sampled_from(["a-1", "b_2", "c3", "x y", "", "r" * 51, None, 7, ["a"]])
texts = st.sampled_from(["Hello", "", "\x00", "Привіт", "[" * 161, "a" * 161, "я" * 71, "a" * 2000, None, 5])
MEMBERS = {
    "callback_url": st.sampled_from(["http://one.example/x", "https://two.example", "", None, "ftp://x", 5]),
    "validity": st.sampled_from([1, "2", 72, "", None, 0, "x", True, 1.0, 10**30]),
    "tariff": st.sampled_from([0, "1", 5, "", None, True, 0.0, 1000]),
    "data_coding_ucs2": st.sampled_from([0, 1, "1", True, "no"]),
    "scheduledDatetime": st.sampled_from(["2026-03-03 12:00:00", "2020-01-01T00:00:00Z", "soon", ""]),
    "2way": st.sampled_from([0, 1]),
    "unheard": st.just("of"),
}
senders = st.sampled_from(["Tidings", " Shop ", "123", "12", "", "much too long a sender", 12345, None])
rows = st.fixed_dictionaries({}, optional={"msisdn": numbers, "reference": references})
some_rows = st.lists(rows | st.just("none"), max_size=4) | st.lists(
    st.fixed_dictionaries({"msisdn": numbers, "reference": st.sampled_from(["a-1", "b_2"])}),
    min_size=2,
    max_size=4,
)
singles = st.fixed_dictionaries(
    {
        "destination": st.sampled_from(["phone"] * 9 + ["otp"]),
        "originator": senders,
        "body": texts,
        "msisdn": numbers,
    },
    optional={"reference": references, **MEMBERS},
)
bulks = st.fixed_dictionaries(
    {"destination": st.just("phones"), "originator": senders, "body": texts, "phones": some_rows},
    optional={"reference": references, **MEMBERS},
)

FIRST = Account(1, "first", "EUR", callback_url="http://first.example")
SECOND = Account(2, "second", "USD", senders=("Tidings", "Shop"), settings={"x": 1})
CALLERS = [Caller(FIRST, 1, False), Caller(FIRST, 2, True), Caller(SECOND, 3, False)]


def parse_for(caller):
    def parse(decoded):
        return create.parse(
            decoded, caller=caller, now=NOW, settings=SETTINGS, draw=lambda alphabet: alphabet[0]
        )

    return parse


def as_the_long_way_does(parsed, asked, parse):
    """Whether what was made of a request in the short way is what the long way makes of it."""
    long = parse(asked)
    assert (parsed.single, parsed.references, parsed.otp_code) == (
        long.single,
        long.references,
        long.otp_code,
    )
    assert parsed.order.in_full() == long.order


def test_what_nearly_everybody_asks_is_taken_the_short_way():
    patterns, parse = usual.Patterns(SETTINGS), parse_for(CALLERS[0])
    one = {"destination": "phone", "originator": "Tidings", "body": "Hello", "msisdn": "380501234567"}
    for more in (
        {},
        {"reference": "a"},
        {"callback_url": "http://x.example"},
        {"validity": 3},
        {"tariff": "1"},
    ):
        assert (
            patterns.one(json.dumps({**one, **more}).encode(), Remembered(CALLERS[0], 5), parse) is not None
        )
    many = {
        "destination": "phones",
        "originator": "Tidings",
        "body": "Привіт",
        "reference": "label",
        "validity": "5",
    }
    for row in ({"msisdn": "380501234567"}, {"msisdn": "+4915112345678", "reference": "a"}):
        assert usual.many({**many, "phones": [row, row]}, parse, SETTINGS) is not None


def test_orders_that_agree_share_a_pattern():
    patterns, parse = usual.Patterns(SETTINGS), parse_for(CALLERS[0])
    one = {"destination": "phone", "originator": "Tidings", "body": "Hello", "msisdn": "380501234567"}

    def pattern_of(**other):
        body = json.dumps({**one, **other}).encode()
        return patterns.one(body, Remembered(CALLERS[0], 5), parse).order.pattern

    assert pattern_of() is pattern_of(body="Other", msisdn="4915112345678", reference="x")
    assert pattern_of() is not pattern_of(originator="Shop")


@given(st.lists(st.tuples(st.sampled_from(CALLERS), st.integers(5, 6), singles), max_size=6))
def test_a_single_message_is_the_order_that_the_long_way_makes(requests):
    patterns = usual.Patterns(SETTINGS)
    for caller, as_of, asked in requests:
        body, parse = json.dumps(asked).encode(), parse_for(caller)
        parsed = patterns.one(body, Remembered(caller, as_of), parse)
        if parsed is not None:
            as_the_long_way_does(parsed, payload.decode(body, "", SETTINGS), parse)


@given(st.sampled_from(CALLERS), bulks)
def test_a_message_to_many_is_the_order_that_the_long_way_makes(caller, asked):
    parse = parse_for(caller)
    before = deepcopy(asked)
    parsed = usual.many(asked, parse, SETTINGS)
    assert asked == before
    if parsed is not None:
        as_the_long_way_does(parsed, asked, parse)


def test_a_pattern_of_a_caller_is_not_anothers():
    patterns = usual.Patterns(SETTINGS)
    body = b'{"destination":"phone","originator":"Tidings","body":"Hello","msisdn":"380501234567"}'
    for caller in CALLERS:
        for as_of in (5, 6):
            told = replace(caller, account=replace(caller.account, name=f"at {as_of}"))
            parsed = patterns.one(body, Remembered(told, as_of), parse_for(told))
            assert parsed.order.pattern.order.caller is told


@given(st.lists(numbers | st.text(max_size=16) | st.from_regex(r"[0-9]{7,16}", fullmatch=True)))
def test_numbers_are_read_together_as_each_is_alone(written):
    try:
        alone = [number.digits_of(one) for one in written]
    except number.NumberFault:
        alone = None
    try:
        together = number.all_digits_of(written)
    except number.NumberFault:
        together = None
    assert together == alone


@given(
    st.text(max_size=200) | st.sampled_from(["a" * 80, "[" * 80, "[" * 81, "a" * 161, "я" * 71]),
    st.booleans(),
)
def test_a_text_weighs_what_its_segments_do(text, ucs2):
    segments = segment(text, ucs2=ucs2)
    assert weigh(text, ucs2=ucs2) == (segments.alphabet, len(segments.parts))


ROUTES = [Route(1, "", 1, 0, None), Route(2, "4915", 2, 0, None), Route(3, "4915", 2, 0, 2)]
CONNECTORS = [ConnectorFacts(1, "one", True, True), ConnectorFacts(2, "two", True, False)]
PRICES = [Price(0, "380", 200), Price(0, "38050", 300), Price(0, "49", 200), Price(1, "", 0)]


def catalog():
    table = RouteTable(ROUTES, CONNECTORS)
    offers = {one: Offers(table, PriceTable(PRICES), account_id=one) for one in (1, 2)}
    return Catalog(5, table, offers, {1: {0: True, 1: True, 2: False}, 2: {0: True}})


def pattern(caller, **more):
    order = Order(
        caller,
        Dialect.BSG_V1,
        [],
        OnFault.SKIP,
        3600,
        calls_back=True,
        shows_keys=False,
        unique_recipients=True,
    )
    draft = {name: more.pop(name) for name in ("sender", "tariff", "ucs2", "extras") if name in more}
    return Pattern(replace(order, **more), Draft("", text="", **{"sender": "Tidings", **draft}))


PATTERNS = [
    *(pattern(caller) for caller in CALLERS),
    pattern(CALLERS[0], sender="Shop", extras=Extras(callback_url="http://one.example/x")),
    pattern(CALLERS[0], tariff=1),
    pattern(CALLERS[0], ucs2=True, name="campaign"),
    pattern(CALLERS[0], scheduled_for=NOW + timedelta(hours=1), shows_keys=True),
    pattern(CALLERS[2], shows_keys=True, bulk_key="bulk"),
]
WRONG = [pattern(CALLERS[0], tariff=2), pattern(CALLERS[0], tariff=7), pattern(CALLERS[2], sender="Other")]
ours = ids.seal(SECRET, 77)


def plain_orders(patterns, recipients, own):
    def order(drawn):
        whole, text, its = drawn
        return PlainOrder(whole, text, [one for one, _ in its], [reference for _, reference in its])

    its = st.lists(st.tuples(recipients, own), min_size=1, max_size=3) | st.tuples(
        st.tuples(recipients, own)
    ).map(list)
    drawn = st.tuples(
        st.sampled_from(patterns), st.sampled_from(["Hello", "Other", "Привіт", "a" * 200]), its
    )
    return drawn.map(order)


good_numbers = st.integers(0, 10**6).map("38050{:07d}".format) | st.integers(0, 10**6).map(
    "4915{:08d}".format
)
good_keys = st.none() | st.integers(0, 10**6).map("key-{}".format)
good = st.lists(plain_orders(PATTERNS, good_numbers, good_keys), min_size=1, max_size=8)
any_order = plain_orders(
    PATTERNS * 3 + WRONG,
    good_numbers | st.sampled_from(["12025550100", "380501111111", "0501"]),
    good_keys | st.sampled_from(["key-1", "key-2", ours]),
)


def ready(orders):
    prepared, next_id = [], 1000
    for number_of, order in enumerate(orders):
        one = prepare(order, as_of=(None, 5)[number_of % 2])
        one.first_id, next_id = next_id, next_id + one.size + 1
        prepared.append(one)
    return prepared


def judge(balance):
    funds = {1: Funds(balance, 0, False), 2: Funds(balance, 100, False)}
    return Judge(Ledger(funds, set()), catalog(), as_of=5, secret=SECRET, now=NOW)


def written(judge):
    """All that a judge wrote, whatever the order in which he did."""
    new = judge.rows.new
    columns = ("ids", "references", "message_keys", "recipients", "texts", "extras")
    messages = {
        kind: (
            some.accepted,
            sorted(zip(*(getattr(some, one) for one in columns), strict=True), key=lambda row: row[0]),
        )
        for kind, some in new.messages.items()
    }
    return sorted(new.tasks), messages, new.holds, judge.ledger.funds, judge.ledger.taken


def is_all_taken(answers):
    return all(
        isinstance(one, Receipted) and not any(isinstance(row, Fault) for row in one.rows) for one in answers
    )


def come_to_the_same(prepared, balance):
    """Judge in both ways; whether the short one had an answer."""
    long = judge(balance)
    expected = [long.write(one.in_full()) for one in prepared]
    short = judge(balance)
    try:
        answers = judge_all(short, prepared)
    except NotPlain:
        assert not is_all_taken(expected)
        return False
    assert answers == expected
    assert written(short) == written(long)
    return True


@settings(max_examples=200)
@given(good, st.sampled_from([10**6, 1000]))
def test_plain_orders_are_judged_as_each_recipient_is_alone(orders, balance):
    come_to_the_same(ready(orders), balance)


@settings(max_examples=200)
@given(st.lists(any_order, min_size=1, max_size=6), st.lists(st.booleans(), min_size=6, max_size=6))
def test_plain_orders_beside_others_are_judged_as_each_recipient_is_alone(orders, in_full):
    prepared = [one.in_full() if full else one for one, full in zip(ready(orders), in_full, strict=False)]
    come_to_the_same(prepared, 10**6)


def test_orders_with_which_nothing_is_wrong_are_judged_the_short_way():
    orders = [
        PlainOrder(one, "Hello", [f"38050{place:07d}", f"4915{place:08d}"], [None, f"key-{place}"])
        for place, one in enumerate(PATTERNS)
    ]
    prepared = ready(orders)
    assert all(isinstance(one, PreparedPlain) for one in prepared)
    assert come_to_the_same(prepared, 10**6)


def test_what_is_outdated_or_of_a_closed_account_is_left_to_the_long_way():
    order = PlainOrder(PATTERNS[0], "Hello", ["380501234567"], [None])
    prepared = prepare(order, as_of=4)
    assert not come_to_the_same([prepared], 10**6)
    closed = judge(10**6)
    closed.ledger.funds[1].closed = True
    prepared = prepare(order, as_of=5)
    try:
        judge_all(closed, [prepared])
        raise AssertionError("taken")
    except NotPlain:
        pass


def test_a_plain_order_with_something_wrong_is_prepared_in_full():
    for numbers_of, text in (
        (["0501"], "Hello"),
        (["380501234567"] * 2, "Hello"),
        (["380501234567"], "\x00"),
    ):
        order = PlainOrder(PATTERNS[0], text, numbers_of, [None] * len(numbers_of))
        prepared = prepare(order, as_of=5)
        assert isinstance(prepared, Prepared)
        assert prepared.rows[-1].fault is not None
    long = PlainOrder(pattern(CALLERS[0], max_parts=1), "a" * 161, ["380501234567"], [None])
    assert prepare(long, as_of=5).rows[0].fault is Fault.TEXT_TOO_LONG


def test_problems_of_a_request_are_left_to_the_long_way():
    parse = parse_for(CALLERS[0])
    asked = {
        "destination": "phones",
        "originator": "",
        "body": "x",
        "phones": [{"msisdn": "380501234567"}] * 2,
    }
    assert usual.many(asked, parse, SETTINGS) is None
    try:
        parse(asked)
        raise AssertionError("taken")
    except Problem:
        pass
