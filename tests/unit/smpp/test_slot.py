"""How long a lost session waits before the next try."""

from random import Random
from typing import Any

import pytest

from tidings.connectors.smpp.config import SmppConfig, read_config
from tidings.connectors.smpp.pdu import BindReceiver, BindTransceiver, BindTransmitter
from tidings.connectors.smpp.slot import JITTER, Backoff, slots


def config(**settings: Any) -> SmppConfig:
    usual: dict[str, Any] = {
        "host": "h",
        "port": 1,
        "system_id": "us",
        "password": "secret",
        "receipt_class": "handset",
    }
    return read_config(usual | settings)


class NoJitter(Random):
    """The middle of every range."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def test_the_wait_doubles_to_its_most_and_starts_anew_after_a_stable_session() -> None:
    backoff = Backoff(config(), NoJitter())
    assert [backoff.wait_s() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert [backoff.wait_s(stable=True), backoff.wait_s(), backoff.wait_s()] == [1, 2, 4]


def test_refused_credentials_are_tried_seldom_and_do_not_lengthen_other_waits() -> None:
    backoff = Backoff(config(), NoJitter())
    assert [backoff.wait_s(refused=True) for _ in range(3)] == [300, 300, 300]
    assert backoff.wait_s() == 1


def test_binds_do_not_all_return_at_the_same_moment() -> None:
    random = Random(7)
    waits = [Backoff(config(), random).wait_s() for _ in range(200)]
    assert len(set(waits)) == len(waits)
    assert min(waits) >= 1 - JITTER and max(waits) <= 1 + JITTER


def test_no_wait_is_longer_than_the_most_and_the_longest_still_differ() -> None:
    random = Random(7)
    waits = []
    for _ in range(200):
        backoff = Backoff(config(), random)
        waits.append([backoff.wait_s() for _ in range(9)][-1])
    assert len(set(waits)) == len(waits)
    assert min(waits) >= 60 * (1 - JITTER) and max(waits) <= 60


@pytest.mark.parametrize(
    ("mode", "binds"),
    [
        ("transceiver", [(BindTransceiver, True)]),
        ("transmitter", [(BindTransmitter, True)]),
        ("receiver", [(BindReceiver, False)]),
        ("transmitter_receiver", [(BindReceiver, False), (BindTransmitter, True)]),
    ],
)
def test_each_mode_has_its_sessions(mode: str, binds: list[tuple[type, bool]]) -> None:
    made = slots(config(bind_mode=mode, binds=2, window=7), tls=None, random=NoJitter())
    assert [(type(slot.terms.bind), slot.terms.submits) for slot in made] == binds * 2
    for slot in made:
        assert (slot.terms.bind.system_id, slot.terms.bind.password) == ("us", "secret")
        assert slot.terms.window == 7
