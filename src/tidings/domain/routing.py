"""Which connectors may carry a message, in which order, and what a part of it costs.

Both questions are asked for each of up to ten thousand recipients of one request, so the answers come from
tables built once: a dictionary by prefix, asked from the longest prefix that occurs to the shortest.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, TypeVar

import msgspec

from tidings.domain.money import Units
from tidings.domain.reason import Reason, ReasonClass

Found = TypeVar("Found")


class Route(msgspec.Struct, frozen=True):
    """Traffic to numbers that begin with `prefix` (digits; empty = all) may take this connector."""

    id: int
    prefix: str
    connector_id: int
    position: int  # the lower is tried first among routes of one prefix
    account_id: int | None  # None = for every account


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


_ROUTE_CLASSES = {ReasonClass.ROUTE, ReasonClass.SENDER}
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

    def price(self, tariff: int, recipient: str) -> Units | None:
        """What one part to these E.164 digits costs: the longest prefix decides. None = not priced."""
        prefixes = self._tariffs.get(tariff)
        return next(prefixes.matches(recipient), None) if prefixes else None


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
