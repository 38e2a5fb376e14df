"""Keeps one session of a connector up: connects, waits until it ends, waits a while, connects again."""

import asyncio
import ssl
from random import Random

from structlog.typing import FilteringBoundLogger as Log

from tidings.connectors.smpp.codes import status_name
from tidings.connectors.smpp.config import BindMode, SmppConfig
from tidings.connectors.smpp.link import Link, Owner, Terms
from tidings.connectors.smpp.pdu import BindReceiver, BindTransceiver, BindTransmitter
from tidings.connectors.smpp.session import Bind, Timers
from tidings.connectors.smpp.words import CREDENTIALS

JITTER = 0.2


class Backoff:
    """How long to wait before the next try: doubling, with jitter so that binds do not return all at once."""

    def __init__(self, config: SmppConfig, random: Random) -> None:
        self._config = config
        self._random = random
        self._next_s = config.reconnect_min_s

    def wait_s(self, *, stable: bool = False, refused: bool = False) -> float:
        """Seconds to wait now. `stable`: the last session lived long. `refused`: our credentials were refused.

        A refusal is waited out for long, because carriers lock accounts that insist; but never given up, because
        it may be the carrier's mishap.
        """
        jitter = self._random.uniform(1 - JITTER, 1 + JITTER)
        if refused:
            return self._config.refused_wait_s * jitter
        wait_s = self._config.reconnect_min_s if stable else self._next_s
        self._next_s = min(wait_s * 2, self._config.reconnect_max_s)
        # What would lie beyond the most lies as far before it: the most is kept, and binds still spread.
        return min(wait_s * jitter, 2 * self._config.reconnect_max_s - wait_s * jitter)


class Slot:
    """The place of one session. `after` is the slot whose session must be up first."""

    def __init__(
        self,
        terms: Terms,
        *,
        config: SmppConfig,
        tls: ssl.SSLContext | None,
        random: Random,
        after: "Slot | None",
    ) -> None:
        self.terms = terms
        self.link: Link | None = None
        self.trouble: str | None = None  # why there is no session
        self.tries = 0
        self._config = config
        self._tls = tls
        self._backoff = Backoff(config, random)
        self._after = after
        self._stopping = False

    def stop(self) -> None:
        """Do not connect again; a session that is up is left alone."""
        self._stopping = True

    async def keep(self, owner: Owner, log: Log) -> None:
        """Until cancelled or stopped. Never raises for what a peer or the network may do."""
        try:
            while not self._stopping:
                if self._after is not None:
                    await self._after.terms.up.wait()
                wait_s = await self._live(owner, log)
                if not self._stopping:
                    await asyncio.sleep(wait_s)
        finally:
            if self.link is not None:
                self.link.abort("closed")

    async def _live(self, owner: Owner, log: Log) -> float:
        """One connection from its first octet to its last; how long to wait before the next."""
        self.tries += 1
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._config.connect_within_s):
                self.link = await self._connect(owner, loop)
        except (OSError, UnicodeError) as trouble:  # the timeout, TLS and names that cannot be are among them
            self.trouble = f"cannot connect: {trouble or type(trouble).__name__}"
            wait_s = self._backoff.wait_s()
            log.warning("smpp_connect_failed", trouble=self.trouble, again_in_s=round(wait_s, 1))
            return wait_s
        await self.link.over
        link, self.link = self.link, None
        return self._after_session(link, loop.time(), log)

    async def _connect(self, owner: Owner, loop: asyncio.AbstractEventLoop) -> Link:
        config = self._config
        name = config.host if self._tls else None
        # A Link by construction; the loop's signature only promises some protocol.
        _, link = await loop.create_connection(
            lambda: Link(self.terms, owner, loop),
            config.host,
            config.port,
            ssl=self._tls,
            server_hostname=name,
        )
        return link

    def _after_session(self, link: Link, now: float, log: Log) -> float:
        if link.refused is not None:
            wait_s = self._backoff.wait_s(refused=link.refused in CREDENTIALS)
            self.trouble = f"bind refused: {status_name(link.refused)}"
            say = log.error if link.refused in CREDENTIALS else log.warning
            say("smpp_bind_refused", status=status_name(link.refused), again_in_s=round(wait_s, 1))
            return wait_s
        lived_s = 0.0 if link.bound_at is None else now - link.bound_at
        wait_s = self._backoff.wait_s(stable=lived_s >= self._config.stable_after_s)
        self.trouble = f"session ended: {link.cause}"
        if not self._stopping:
            log.warning(
                "smpp_session_ended", cause=link.cause, lived_s=round(lived_s, 1), again_in_s=round(wait_s, 1)
            )
        return wait_s


_BINDS: dict[BindMode, tuple[tuple[type[Bind], bool], ...]] = {
    "transceiver": ((BindTransceiver, True),),
    "transmitter": ((BindTransmitter, True),),
    "receiver": ((BindReceiver, False),),
    "transmitter_receiver": ((BindReceiver, False), (BindTransmitter, True)),
}
"""The sessions of each mode in the order of binding, and whether they submit."""


def slots(config: SmppConfig, *, tls: ssl.SSLContext | None, random: Random) -> list[Slot]:
    """A slot for each session of the connector. Receivers bind first, so that receipts never pile up."""
    made: list[Slot] = []
    for _ in range(config.binds):
        before: Slot | None = None
        for bind, submits in _BINDS[config.bind_mode]:
            terms = _terms(config, bind, submits=submits)
            before = Slot(terms, config=config, tls=tls, random=random, after=before)
            made.append(before)
    return made


def _terms(config: SmppConfig, bind: type[Bind], *, submits: bool) -> Terms:
    request = bind(
        system_id=config.system_id,
        password=config.password,
        system_type=config.system_type,
        interface_version=config.interface_version,
        addr_ton=config.addr_ton,
        addr_npi=config.addr_npi,
        address_range=config.address_range,
    )
    timers = Timers(
        bind_s=config.bind_within_s,
        answer_s=config.answer_timeout_s,
        late_s=config.late_answer_s,
        idle_s=config.enquire_idle_s,
        probe_s=config.enquire_within_s,
        unbind_s=config.unbind_within_s,
    )
    return Terms(request, timers, config.window, submits)
