"""A message takes the most fitting route, a test message only a simulator; the longest prefix sets prices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.domain.routing import ConnectorFacts, Price, PriceTable, Route, RouteTable, candidates, price

ACCOUNT, STRANGER = 7, 8
CARRIER, OTHER, SIMULATOR, OFF = 1, 2, 3, 4
CONNECTORS = [
    ConnectorFacts(id=CARRIER, name="carrier", enabled=True, simulator=False),
    ConnectorFacts(id=OTHER, name="other", enabled=True, simulator=False),
    ConnectorFacts(id=SIMULATOR, name="simulator", enabled=True, simulator=True),
    ConnectorFacts(id=OFF, name="off", enabled=False, simulator=False),
]
UNROUTED = Route(id=0, prefix="", connector_id=SIMULATOR, position=0, account_id=None)


def route(
    id: int, prefix: str = "", *, to: int = CARRIER, position: int = 0, own: int | None = None
) -> Route:
    return Route(id=id, prefix=prefix, connector_id=to, position=position, account_id=own)


def chosen(*routes: Route, recipient: str = "380972000001", test: bool = False) -> list[int]:
    found = candidates(routes, CONNECTORS, recipient=recipient, account_id=ACCOUNT, test=test)
    return [one.id for one in found]


def test_the_longest_prefix_goes_first_and_the_shorter_ones_follow() -> None:
    assert chosen(route(1), route(2, "38097"), route(3, "380"), route(4, "38098")) == [2, 3, 1]


def test_within_a_prefix_the_position_decides_and_then_the_id() -> None:
    assert chosen(route(9, "380"), route(4, "380", position=1), route(5, "380", position=1)) == [9, 4, 5]


def test_an_accounts_own_route_goes_before_a_common_one_of_a_longer_prefix() -> None:
    assert chosen(route(1, "38097"), route(2, "380", own=ACCOUNT, position=5)) == [2, 1]


def test_an_accounts_own_route_is_nobody_elses() -> None:
    assert chosen(route(1, own=STRANGER)) == []


@pytest.mark.parametrize("connector", [OFF, 999])
def test_a_connector_that_is_off_or_gone_takes_nothing(connector: int) -> None:
    assert chosen(route(1, to=connector), route(2, to=OTHER)) == [2]


def test_a_prefix_longer_than_the_number_does_not_match_and_a_whole_number_does() -> None:
    assert chosen(route(1, "3809720000012"), route(2, "380972000001")) == [2]


@pytest.mark.parametrize(
    ("one", "terms"),
    [
        (route(1), "all numbers, of every account, position 0"),
        (route(2, "380", own=ACCOUNT, position=5), "numbers in 380, of this account, position 5"),
        (UNROUTED, "no route leads to a simulator; test traffic takes the first one"),
    ],
)
def test_a_route_says_for_what_it_was_drawn(one: Route, terms: str) -> None:
    assert one.terms == terms


def test_no_route_is_an_empty_answer() -> None:
    assert chosen(route(1, "49")) == []


def test_live_traffic_may_take_a_routed_simulator_but_is_never_sent_to_one_unrouted() -> None:
    assert chosen(route(1, to=SIMULATOR)) == [1]
    assert chosen() == []


def test_test_traffic_takes_only_routes_to_a_simulator() -> None:
    routes = route(1, "38097"), route(2, "380", to=SIMULATOR), route(3, to=SIMULATOR, own=ACCOUNT)
    assert chosen(*routes, test=True) == [3, 2]


def test_test_traffic_without_such_a_route_goes_to_the_first_simulator() -> None:
    second = ConnectorFacts(id=9, name="second", enabled=True, simulator=True)
    table = RouteTable([route(1), route(2, "49", to=SIMULATOR)], [second, *CONNECTORS])
    assert table.candidates("380972000001", account_id=ACCOUNT, test=True) == [UNROUTED]


def test_test_traffic_has_nowhere_to_go_without_an_enabled_simulator() -> None:
    off = ConnectorFacts(id=SIMULATOR, name="simulator", enabled=False, simulator=True)
    table = RouteTable([route(1), route(2, to=SIMULATOR)], [CONNECTORS[0], off])
    assert table.candidates("380972000001", account_id=ACCOUNT, test=True) == []


def test_an_answer_is_the_askers_to_change() -> None:
    table = RouteTable([], CONNECTORS)
    table.candidates("1", account_id=ACCOUNT, test=True).clear()
    assert table.candidates("1", account_id=ACCOUNT, test=True) == [UNROUTED]


digits = st.text("38", max_size=5)
some_routes = st.lists(
    st.builds(
        Route,
        id=st.integers(1, 99),
        prefix=digits,
        connector_id=st.sampled_from([CARRIER, OTHER, SIMULATOR, OFF]),
        position=st.integers(0, 2),
        account_id=st.sampled_from([None, ACCOUNT, STRANGER]),
    ),
    max_size=12,
    unique_by=lambda one: one.id,
)


@given(some_routes, digits, st.booleans())
def test_any_table_answers_as_the_rule_reads(routes: list[Route], recipient: str, test: bool) -> None:
    allowed = {SIMULATOR} if test else {CARRIER, OTHER, SIMULATOR}
    fitting = [
        one
        for one in routes
        if one.connector_id in allowed
        and recipient.startswith(one.prefix)
        and one.account_id in (None, ACCOUNT)
    ]
    fitting.sort(key=lambda one: (one.account_id is None, -len(one.prefix), one.position, one.id))
    table = RouteTable(routes, CONNECTORS)
    assert table.candidates(recipient, account_id=ACCOUNT, test=test) == (
        fitting or ([UNROUTED] if test else [])
    )


PRICES = [
    Price(tariff=0, prefix="", per_part=900),
    Price(tariff=0, prefix="380", per_part=500),
    Price(tariff=0, prefix="38097", per_part=0),
    Price(tariff=3, prefix="380", per_part=100),
]


@pytest.mark.parametrize(
    ("tariff", "recipient", "units"),
    [
        (0, "380972000001", 0),  # free is a price
        (0, "380502000001", 500),
        (0, "38", 900),
        (0, "12025550123", 900),
        (3, "380972000001", 100),
        (3, "12025550123", None),
        (4, "380972000001", None),
    ],
)
def test_the_longest_prefix_of_the_tariff_prices_a_part(
    tariff: int, recipient: str, units: int | None
) -> None:
    assert price(PRICES, tariff=tariff, recipient=recipient) == units
    assert PriceTable(PRICES).price(tariff, recipient) == units
