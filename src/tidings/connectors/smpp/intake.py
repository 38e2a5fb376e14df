"""Takes what a carrier delivers: receipts are stored, then acknowledged; many at a time, so that they batch."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from structlog.typing import FilteringBoundLogger as Log

from tidings.connectors.smpp.codes import Status
from tidings.connectors.smpp.events import Delivered
from tidings.connectors.smpp.link import Link
from tidings.connectors.smpp.ordinary_receipts import OrdinaryReceipts
from tidings.connectors.smpp.receipts import Reading, disagrees, read_receipt
from tidings.domain.errors import Unavailable
from tidings.domain.number import mask
from tidings.domain.receipt import Receipt
from tidings.flows.ports import Clock, Upstream

IN_HAND_MAX = 2000
"""Receipts being stored at one time. Beyond that the peers are not read from until half of them are done."""

Held = list[tuple[Delivered, Receipt]]
"""Receipts that wait for their commit, and what is to be acknowledged then."""

Stored = asyncio.Future[Sequence[Exception | None]]


class Intake:
    """The receiving side of one connector, for all its sessions.

    `listen` is called with False when there is too much in hand, with True when there is room again; `settled`
    after receipts were answered. An answer of ESME_RX_T_APPN makes the carrier bring a receipt again: a permanent error
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
        self.in_hand = 0  # receipts that are being stored
        self.listening = True
        self._upstream = upstream
        self._reading = reading
        self._ordinary = OrdinaryReceipts(reading)
        self._clock = clock
        self._log = log
        self._listen = listen
        self._settled = settled
        self._storing: set[Stored] = set()

    def take(self, link: Link, delivered: Sequence[Delivered]) -> None:
        """Messages of a peer that came together: acknowledged now if they are no receipts, else when stored."""
        now = self._clock.now()
        held: Held = []
        for one in delivered:
            receipt = self._ordinary.read(one.raw, now=now) or self._read(one, now)
            if receipt is None:
                self._not_a_receipt(link, one)
            else:
                held.append((one, receipt))
        if held:
            self._store(link, held)

    def cancel(self) -> None:
        """Give up what is not stored yet: unanswered, the carrier brings it again."""
        for stored in list(self._storing):
            stored.cancel()

    def _read(self, delivered: Delivered, now: datetime) -> Receipt | None:
        """A receipt of any form."""
        pdu = delivered.pdu()
        receipt = read_receipt(pdu, delivered.raw, self._reading, now=now)
        if receipt is not None:
            self.counts["receipts_that_disagree"] += disagrees(pdu, receipt.said.word)
        return receipt

    def _store(self, link: Link, held: Held) -> None:
        try:
            storing = self._upstream.receipts([receipt for _, receipt in held])
        except Unavailable:
            self._put_off(link, [one for one, _ in held])
            return
        stored = asyncio.ensure_future(storing)
        self._storing.add(stored)
        self.in_hand += len(held)
        stored.add_done_callback(partial(self._stored, link, held))
        if self.listening and self.in_hand >= IN_HAND_MAX:
            self.listening = False
            self._listen(False)

    def _stored(self, link: Link, held: Held, stored: Stored) -> None:
        self._storing.discard(stored)
        self.in_hand -= len(held)
        if not stored.cancelled():
            failed = stored.exception()
            self._answer(link, held, stored.result() if failed is None else [failed] * len(held))
        self._listen_again()
        self._settled()

    def _answer(self, link: Link, held: Held, told: Sequence[BaseException | None]) -> None:
        """Acknowledge what is stored, and only that."""
        stored: list[Delivered] = []
        failed: list[Delivered] = []
        for (one, receipt), wrong in zip(held, told, strict=True):
            if wrong is None:
                stored.append(one)
                continue
            failed.append(one)
            if not isinstance(wrong, Unavailable):  # a defect of ours must not lose the receipt
                self._log.error(
                    "smpp_receipt_not_stored",
                    upstream_id=receipt.upstream_id,
                    word=receipt.said.word,
                    exc_info=wrong,
                )
        self.counts["receipts"] += len(stored)
        link.acknowledge(stored, Status.ESME_ROK)
        if failed:
            self._put_off(link, failed)

    def _put_off(self, link: Link, delivered: Sequence[Delivered]) -> None:
        """The carrier brings them again."""
        self.counts["receipts_put_off"] += len(delivered)
        link.acknowledge(delivered, Status.ESME_RX_T_APPN)

    def _listen_again(self) -> None:
        if not self.listening and self.in_hand <= IN_HAND_MAX // 2:
            self.listening = True
            self._listen(True)

    def _not_a_receipt(self, link: Link, delivered: Delivered) -> None:
        pdu = delivered.pdu()
        self.counts["not_receipts"] += 1
        self._log.info(
            "smpp_message_dropped",
            source=mask(pdu.source_addr),
            destination=mask(pdu.destination_addr),
            esm_class=pdu.esm_class,
            octets=len(delivered.raw),
        )
        link.acknowledge([delivered], Status.ESME_ROK)
