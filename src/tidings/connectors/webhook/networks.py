"""Which addresses a customer's URL may lead to: those of the public internet, and those that the operator allows.

What is checked is the address that is then connected to, so that a name which resolves differently the second time
gains nothing.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from tidings.domain.errors import Misconfigured

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NAT64 = IPv6Network("64:ff9b::/96")


class Allowed:
    """The operator's networks beside the public internet."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = [_network(one) for one in networks]

    def __call__(self, address: str) -> bool:
        """Whether a numeric address may be connected to."""
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if any(parsed in network for network in self._networks):
            return True
        inner = _carried(parsed)
        if inner is not None:
            return self(str(inner))
        return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as wrong:
        raise Misconfigured(f"callbacks.allow_networks: {wrong}") from None


def _carried(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, IPv4Address):
        return None
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
