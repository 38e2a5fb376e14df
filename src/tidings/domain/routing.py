"""Which connectors may carry a message, in which order, and what a part of it costs.

Both questions are asked for each of up to ten thousand recipients of one request, so the answers come from
tables built once: a dictionary by prefix, asked from the longest prefix that occurs to the shortest.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

import msgspec

from tidings.domain.errors import Fault
from tidings.domain.money import Units
from tidings.domain.reason import Reason, ReasonClass

Found = TypeVar("Found")

OFFERS_KNOWN = 20_000
"""So many offers are remembered for an account; then they are found anew."""


class Route(msgspec.Struct, frozen=True):
    """Traffic to numbers that begin with `prefix` (digits; empty = all) may take this connector."""

    id: int
    prefix: str
    connector_id: int
    position: int  # the lower is tried first among routes of one prefix
    account_id: int | None  # None = for every account

    @property
    def terms(self) -> str:
        """For what it was drawn, in a few words that say later why it was chosen."""
        if self.id == 0:
            return "no route leads to a simulator; test traffic takes the first one"
        numbers = f"numbers in {self.prefix}" if self.prefix else "all numbers"
        whose = "every account" if self.account_id is None else "this account"
        return f"{numbers}, of {whose}, position {self.position}"


class ConnectorFacts(msgspec.Struct, frozen=True):
    """What routing needs to know of a connector."""

    id: int
    name: str
    enabled: bool
    simulator: bool  # leads to no real carrier; the only thing test traffic may reach


class Price(msgspec.Struct, frozen=True):
    """What one part to numbers that begin with `prefix` (digits; empty = all) costs under a tariff."""

    tariff: int
    prefix: str
    per_part: Units


_ROUTE_CLASSES = {
    ReasonClass.ROUTE,
    ReasonClass.SENDER,
    ReasonClass.ACCOUNT,
}  # a carrier means our account with it
_ROUTE_REASONS = {Reason.ROUTE_CONFIG, Reason.SUBMIT_RETRIES_EXHAUSTED, Reason.DEST_QUEUE_FULL}


def is_the_routes(reason: Reason) -> bool:
    """Whether a refusal is the route's, so that another may take the message; a wrong number is wrong everywhere."""
    return reason in _ROUTE_REASONS or reason.facts.reason_class in _ROUTE_CLASSES


class RouteTable:
    """The routes that lead somewhere, ready to be asked for many recipients."""

    def __init__(self, routes: Iterable[Route], connectors: Iterable[ConnectorFacts]) -> None:
        enabled = {connector.id: connector for connector in connectors if connector.enabled}
        simulators = {connector.id for connector in enabled.values() if connector.simulator}
        leading = [route for route in routes if route.connector_id in enabled]
        self._live = _by_owner(leading)
        self._test = _by_owner(route for route in leading if route.connector_id in simulators)
        self._unrouted_test = [_unrouted(min(simulators))] if simulators else []

    @property
    def longest(self) -> int:
        """So many digits of a number decide about its routes."""
        tables = (*self._live.values(), *self._test.values())
        return max((table.longest for table in tables), default=0)

    def candidates(self, recipient: str, *, account_id: int, test: bool) -> list[Route]:
        """The routes a message to these E.164 digits may take, best first; empty if there is none.

        A route of the account itself goes before a common one, then the longest prefix, position and id. Test
        traffic reaches only simulators: by the routes that lead to one, else the first by id without a route.
        """
        tables = self._test if test else self._live
        found = [
            route
            for owner in (account_id, None)
            if owner in tables
            for routes in tables[owner].matches(recipient)
            for route in routes
        ]
        return found or (list(self._unrouted_test) if test else found)


class PriceTable:
    """The prices of one account, ready to be asked for many recipients."""

    def __init__(self, prices: Iterable[Price]) -> None:
        by_tariff: defaultdict[int, dict[str, Units]] = defaultdict(dict)
        for one in prices:
            by_tariff[one.tariff][one.prefix] = one.per_part
        self._tariffs = {tariff: _Prefixes(units) for tariff, units in by_tariff.items()}

    @property
    def longest(self) -> int:
        """So many digits of a number decide about its price."""
        return max((prefixes.longest for prefixes in self._tariffs.values()), default=0)

    def price(self, tariff: int, recipient: str) -> Units | None:
        """What one part to these E.164 digits costs: the longest prefix decides. None = not priced."""
        prefixes = self._tariffs.get(tariff)
        return next(prefixes.matches(recipient), None) if prefixes else None


class Offer(NamedTuple):
    """What can be done for a number: the price of a part, and where it goes first."""

    per_part: Units
    connector_id: int
    route_id: int
    terms: str  # the route's


class Offers:
    """Price and best route for the numbers of one account, remembered by the digits that decide about them."""

    def __init__(self, routes: RouteTable, prices: PriceTable, *, account_id: int) -> None:
        self._routes, self._prices, self._account_id = routes, prices, account_id
        self._digits = max(routes.longest, prices.longest)
        self._known: dict[tuple[str, int, bool], Offer | Fault] = {}
        self._same: dict[Offer, Offer] = {}  # equal offers are one object

    def offer(self, recipient: str, *, tariff: int, test: bool) -> Offer | Fault:
        """What can be done for these E.164 digits; a fault where it is nothing."""
        asked = (recipient[: self._digits], tariff, test)
        known = self._known.get(asked)
        if known is None:
            if len(self._known) >= OFFERS_KNOWN:
                self._known.clear()
            known = self._known[asked] = self._found(recipient, tariff=tariff, test=test)
        return known

    def offers(self, recipients: Sequence[str], *, tariff: int, test: bool) -> list[Offer] | None:
        """What can be done for each of many; None where for one it is nothing."""
        digits = self._digits
        heads = [one[:digits] for one in recipients]
        found: dict[str, Offer] = {}
        for head in set(heads):
            offer = self.offer(head, tariff=tariff, test=test)
            if isinstance(offer, Fault):
                return None
            found[head] = offer
        return [found[one] for one in heads]

    def _found(self, recipient: str, *, tariff: int, test: bool) -> Offer | Fault:
        per_part = self._prices.price(tariff, recipient)
        if per_part is None:
            return Fault.NOT_PRICED
        routes = self._routes.candidates(recipient, account_id=self._account_id, test=test)
        if not routes:
            return Fault.NO_ROUTE
        best = routes[0]
        offer = Offer(per_part, best.connector_id, best.id, best.terms)
        return self._same.setdefault(offer, offer)


def candidates(
    routes: Iterable[Route],
    connectors: Iterable[ConnectorFacts],
    *,
    recipient: str,
    account_id: int,
    test: bool,
) -> list[Route]:
    """The routes of a single message, as `RouteTable.candidates` gives them."""
    return RouteTable(routes, connectors).candidates(recipient, account_id=account_id, test=test)


def price(prices: Iterable[Price], *, tariff: int, recipient: str) -> Units | None:
    """The price of one part of a single message, as `PriceTable.price` gives it."""
    return PriceTable(prices).price(tariff, recipient)


class _Prefixes(Generic[Found]):
    """What is found under the prefixes of a number, the longest first."""

    def __init__(self, by_prefix: Mapping[str, Found]) -> None:
        self._by_prefix = by_prefix
        self._lengths = sorted({len(prefix) for prefix in by_prefix}, reverse=True)

    @property
    def longest(self) -> int:
        """Digits of the longest prefix."""
        return self._lengths[0] if self._lengths else 0

    def matches(self, digits: str) -> Iterator[Found]:
        for length in self._lengths:
            found = self._by_prefix.get(digits[:length])
            if found is not None and length <= len(digits):
                yield found


def _by_owner(routes: Iterable[Route]) -> dict[int | None, _Prefixes[list[Route]]]:
    owners: defaultdict[int | None, defaultdict[str, list[Route]]] = defaultdict(lambda: defaultdict(list))
    for route in sorted(routes, key=lambda route: (route.position, route.id)):
        owners[route.account_id][route.prefix].append(route)
    return {owner: _Prefixes(by_prefix) for owner, by_prefix in owners.items()}


def _unrouted(connector_id: int) -> Route:
    """How a test key reaches the simulator where nobody drew a route to it: id 0 is no stored route."""
    return Route(id=0, prefix="", connector_id=connector_id, position=0, account_id=None)
