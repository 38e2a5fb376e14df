"""Which addresses a callback may go to."""

import pytest

from tidings.connectors.webhook.networks import Allowed
from tidings.domain.errors import Misconfigured

INSIDE = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.0.2.1", "192.168.1.1",  # noqa: S104
    "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fc00::1", "fd12::1", "fe80::1",
    "fe80::1%eth0", "ff02::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::", "2001:db8::1", "localhost", "", "1.2.3",
]  # fmt: skip
OUTSIDE = ["8.8.8.8", "93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_the_public_internet_is_refused(address):
    assert not Allowed()(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_the_public_internet_is_allowed(address):
    assert Allowed()(address)


def test_the_operator_may_allow_networks_and_only_those():
    allowed = Allowed(["10.1.0.0/16", "::1/128"])
    assert [allowed(one) for one in ("10.1.2.3", "::ffff:10.1.2.3", "::1", "10.2.0.1", "127.0.0.1")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("network", ["here", "10.1.2.3/8", "10.0.0.0/40"])
def test_a_network_that_is_none_is_named(network):
    with pytest.raises(Misconfigured, match=r"callbacks\.allow_networks"):
        Allowed([network])
