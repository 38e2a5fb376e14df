"""A copy of routes, prices and tariffs, exact at every use: the version is read with what it is used for."""

from tidings.flows.records import Catalog
from tidings.flows.transaction import CatalogTx


class CatalogCache:
    """One a process."""

    def __init__(self) -> None:
        self._catalog: Catalog | None = None

    @property
    def remembered(self) -> Catalog | None:
        """The catalog as it was last used; whoever takes it has its version confirmed."""
        return self._catalog

    async def current(self, tx: CatalogTx, version: int | None = None) -> Catalog:
        """The catalog of a version that was read in this transaction; without one it is asked for."""
        if version is None:
            version = await tx.catalog_version()
        if self._catalog is None or self._catalog.version != version:
            self._catalog = await tx.load_catalog()
        return self._catalog
