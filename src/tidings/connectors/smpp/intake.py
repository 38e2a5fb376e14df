"""Takes what a carrier delivers: receipts are stored, then acknowledged; many at a time, so that they batch."""

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial

from structlog.typing import FilteringBoundLogger as Log

from tidings.connectors.smpp.codes import Status
from tidings.connectors.smpp.events import Delivered
from tidings.connectors.smpp.link import Link
from tidings.connectors.smpp.receipts import Reading, disagrees, read_receipt
from tidings.domain.errors import Unavailable
from tidings.domain.number import mask
from tidings.domain.receipt import Receipt
from tidings.flows.ports import Clock, Upstream

IN_HAND_MAX = 2000
"""Receipts being stored at one time. Beyond that the peers are not read from until half of them are done."""


class Intake:
    """The receiving side of one connector, for all its sessions.

    `listen` is called with False when there is too much in hand, with True when there is room again; `settled`
    after each receipt. An answer of ESME_RX_T_APPN makes the carrier bring a receipt again: a permanent error
    would lose it, and no answer would block all that come behind it.
    """

    def __init__(
        self,
        upstream: Upstream,
        reading: Reading,
        *,
        clock: Clock,
        log: Log,
        listen: Callable[[bool], None],
        settled: Callable[[], None],
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.listening = True
        self._upstream = upstream
        self._reading = reading
        self._clock = clock
        self._log = log
        self._listen = listen
        self._settled = settled
        self._storing: set[asyncio.Future[None]] = set()

    @property
    def in_hand(self) -> int:
        """Receipts that are being stored."""
        return len(self._storing)

    def take(self, link: Link, delivered: Delivered) -> None:
        """A message of the peer: acknowledged now if it is no receipt, else when it is stored."""
        receipt = read_receipt(delivered.pdu, delivered.raw, self._reading, now=self._clock.now())
        if receipt is None:
            self._not_a_receipt(link, delivered)
            return
        self.counts["receipts_that_disagree"] += disagrees(delivered.pdu, receipt.word)
        try:
            stored = asyncio.ensure_future(self._upstream.receipt(receipt))
        except Unavailable:
            self._put_off(link, delivered)
            return
        self._storing.add(stored)
        stored.add_done_callback(partial(self._stored, link, delivered, receipt))
        if self.listening and len(self._storing) >= IN_HAND_MAX:
            self.listening = False
            self._listen(False)

    def cancel(self) -> None:
        """Give up what is not stored yet: unanswered, the carrier brings it again."""
        for stored in list(self._storing):
            stored.cancel()

    def _stored(
        self, link: Link, delivered: Delivered, receipt: Receipt, stored: asyncio.Future[None]
    ) -> None:
        self._storing.discard(stored)
        if not stored.cancelled():
            wrong = stored.exception()
            if wrong is None:
                self.counts["receipts"] += 1
                link.acknowledge(delivered.pdu, Status.ESME_ROK)
            else:
                if not isinstance(wrong, Unavailable):  # a defect of ours must not lose the receipt
                    self._log.error(
                        "smpp_receipt_not_stored",
                        upstream_id=receipt.upstream_id,
                        word=receipt.word,
                        exc_info=wrong,
                    )
                self._put_off(link, delivered)
        self._listen_again()
        self._settled()

    def _put_off(self, link: Link, delivered: Delivered) -> None:
        """The carrier brings it again."""
        self.counts["receipts_put_off"] += 1
        link.acknowledge(delivered.pdu, Status.ESME_RX_T_APPN)

    def _listen_again(self) -> None:
        if not self.listening and len(self._storing) <= IN_HAND_MAX // 2:
            self.listening = True
            self._listen(True)

    def _not_a_receipt(self, link: Link, delivered: Delivered) -> None:
        pdu = delivered.pdu
        self.counts["not_receipts"] += 1
        self._log.info(
            "smpp_message_dropped",
            source=mask(pdu.source_addr),
            destination=mask(pdu.destination_addr),
            esm_class=pdu.esm_class,
            octets=len(delivered.raw),
        )
        link.acknowledge(pdu, Status.ESME_ROK)
