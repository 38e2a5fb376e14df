"""Routes, prices and tariffs, read whole; whoever changes one bumps the catalog's version."""

from collections import defaultdict

from tidings.domain.routing import ConnectorFacts, Offers, Price, PriceTable, Route, RouteTable
from tidings.flows.records import Catalog
from tidings.store.rows import Rows

VERSION = "select version from catalog"
CONNECTORS = "select id, name, enabled, simulator from connector order by id"
ROUTES = "select id, prefix, connector_id, position, account_id from route order by id"
PRICES = "select account_id, tariff, prefix, per_part from price"
TARIFFS = "select account_id, code, active from tariff"


class CatalogRows(Rows):
    """Statements on what is configured in the database."""

    async def catalog_version(self) -> int:
        """Which version is in force."""
        version: int = await self._connection.fetchval(VERSION)
        return version

    async def load_catalog(self) -> Catalog:
        """Routes, prices and tariffs as of now."""
        version = await self._connection.fetchval(VERSION)
        connectors = [ConnectorFacts(**row) for row in await self._connection.fetch(CONNECTORS)]
        routes = [Route(**row) for row in await self._connection.fetch(ROUTES)]
        tariffs: dict[int, dict[int, bool]] = defaultdict(dict)
        for row in await self._connection.fetch(TARIFFS):
            tariffs[row["account_id"]][row["code"]] = row["active"]
        prices: dict[int, list[Price]] = {account_id: [] for account_id in tariffs}
        for row in await self._connection.fetch(PRICES):
            prices[row["account_id"]].append(Price(row["tariff"], row["prefix"], row["per_part"]))
        table = RouteTable(routes, connectors)
        return Catalog(
            version=version,
            routes=table,
            offers={
                account_id: Offers(table, PriceTable(rows), account_id=account_id)
                for account_id, rows in prices.items()
            },
            tariffs=dict(tariffs),
        )
