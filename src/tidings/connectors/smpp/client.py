"""The SMPP connector: keeps the binds of one carrier account up, submits over them and takes its receipts."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from random import Random

import structlog

from tidings.connectors.smpp import ids, words
from tidings.connectors.smpp.codes import Status, Tlv, command_name, status_name
from tidings.connectors.smpp.compose import Composer
from tidings.connectors.smpp.config import OTHER_FORM, SmppConfig
from tidings.connectors.smpp.events import Answered, Bound, Delivered, Event, Lost, Overdue, Stray, Took
from tidings.connectors.smpp.intake import Intake
from tidings.connectors.smpp.link import Link
from tidings.connectors.smpp.pace import Pace
from tidings.connectors.smpp.pdu import GenericNack, SubmitSmResp
from tidings.connectors.smpp.receipt_text import VALUE_CHARS_MAX
from tidings.connectors.smpp.receipts import network_error
from tidings.connectors.smpp.slot import slots
from tidings.domain.errors import Misconfigured
from tidings.domain.outcome import Next, Outcome, Refused, Taken, Unknown, Unwritten
from tidings.domain.reason import Reason
from tidings.flows.ports import PART_REFUSED, Binds, Clock, Outgoing, Singles, Upstream

_SESSION_BROKEN = (Status.ESME_RINVCMDLEN, Status.ESME_RINVBNDSTS)
"""Answers to a submission that say the session itself is out of step: a new one is needed."""

CANNOT_BE_ENCODED = Refused(Reason.BAD_CONTENT, Next.GIVE_UP, "cannot be encoded")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How a connector stands: for health checks and for people."""

    binds: Binds
    in_flight: int  # submissions written and unanswered
    queued: int  # submissions that wait for the window or the pace
    window: int  # of all sessions that are up
    rate_per_s: float | None  # now; None = no limit
    receipts_in_hand: int


class SmppConnector:
    """A `flows.ports.Connector` over SMPP 3.4. Make it and use it within one event loop.

    `name` is for the log. Raises Misconfigured if the settings cannot work on this machine.
    """

    def __init__(
        self, config: SmppConfig, *, name: str, upstream: Upstream, clock: Clock, random: Random
    ) -> None:
        self.bound = asyncio.Event()  # set while something is up that can do this connector's work
        self._config = config
        self._upstream = upstream
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._log = structlog.get_logger("tidings.smpp").bind(connector=name)
        self._slots = slots(config, tls=tls_context(config), random=random)
        self._intake = Intake(
            upstream,
            config.reading(),
            clock=clock,
            log=self._log,
            listen=self._listen,
            settled=lambda: self._moved(None),
        )
        self._rules, self._trust = config.rules(), config.reading().trust
        self._composer = Composer(config, clock)
        self._pace = Pace(config.rate_per_s, now=self._loop.time())
        self._links: list[Link] = []  # those whose session is up
        self._keepers: list[asyncio.Task[None]] = []
        self._behind: dict[int, tuple[Link, list[tuple[bytes, int]]]] = {}  # parts, by the one before them
        self._wants_room: list[asyncio.Future[None]] = []
        self._wakes: asyncio.TimerHandle | None = None  # when the pace has a token again
        self._idle: asyncio.Future[None] | None = None  # somebody waits for the last answer
        self._closing = False
        self._counts: Counter[str] = Counter()
        self._alarmed: set[tuple[str, str]] = set()

    # -- flows.ports.Connector -----------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """How many submissions may be written at this moment: bound, window free, rate not used up."""
        if self._closing:
            return 0
        places = sum(max(0, _places(link)) for link in self._links)
        tokens = self._pace.room(self._loop.time())
        return places if tokens == inf else min(places, max(0, int(tokens) - self._queued()))

    async def wait_room(self) -> None:
        """Return once `room` is above zero."""
        while self.room <= 0:
            waiter = self._loop.create_future()
            self._wants_room.append(waiter)
            self._wake_by_pace()
            await waiter

    def submit(self, parts: Sequence[Outgoing]) -> None:
        """Write the parts of one message on one bind, each when the one before it was taken.

        A part that is refused for good leaves the rest Unwritten (PART_REFUSED): fragments of a message that cannot
        arrive whole cost money and puzzle people.
        """
        link = self._least_busy()
        if link is None:
            self._tell_all(parts, Unwritten("closing" if self._closing else "not_bound"))
            return
        try:
            bodies = [(self._composer.body(part), part.submission_id) for part in parts]
        except ValueError:
            self._tell_all(parts, CANNOT_BE_ENCODED)
            return
        self._enqueue(link, bodies)

    def submit_singles(self, singles: Singles) -> None:
        """Write messages of one part each: at once, where there is one bind to write them on and all can be told."""
        able = [] if self._closing else [link for link in self._links if link.submits]
        bodies = self._composer.bodies(singles) if len(able) == 1 else None
        if bodies is None:
            for part in singles:
                self.submit([part])
            return
        self._counts["submitted"] += len(bodies)
        able[0].enqueue(zip(bodies, singles.submission_ids, strict=True))

    def stored_key(self, upstream_id: str) -> str:
        """The key to store a submission under, from the id in its answer."""
        return ids.stored_key(upstream_id, self._config.id_form)

    def lookup_keys(self, upstream_id: str) -> list[str]:
        """The keys that the submission named by a receipt's id may be stored under, the surest first."""
        return ids.lookup_keys(upstream_id, self._config.id_form)

    def suspect_keys(self, upstream_id: str) -> dict[str, str]:
        """Keys that only other id forms would look for, and each one's form."""
        return ids.suspect_keys(upstream_id, self._config.id_form)

    def share(self, among: int) -> None:
        """So many couriers use the account: the rate is divided between them."""
        self._pace.share(among, self._loop.time())

    def binds(self) -> Binds:
        """How its sessions stand at this moment."""
        missing = (slot.trouble for slot in self._slots if not slot.terms.up.is_set() and slot.trouble)
        return Binds(
            wanted=len(self._slots),
            up=len(self._links),
            trouble=next(missing, None),
            counts=self._counts + self._intake.counts,
        )

    async def run(self) -> None:
        """Keep the binds up until `close`; reconnect with backoff. Never raises for what a peer may do."""
        self._keepers = [asyncio.create_task(slot.keep(self, self._log)) for slot in self._slots]
        try:
            done, _ = await asyncio.wait(self._keepers, return_when=asyncio.FIRST_EXCEPTION)
            for keeper in done:
                if not keeper.cancelled():
                    keeper.result()
        finally:
            for keeper in self._keepers:
                keeper.cancel()
            await asyncio.gather(*self._keepers, return_exceptions=True)

    async def close(self, drain_within_s: float) -> None:
        """Stop taking, wait for answers, unbind, close. What is unanswered then becomes Unknown."""
        self._closing = True
        for slot in self._slots:
            slot.stop()
        await self._drain(drain_within_s)
        leaving = list(self._links)
        for link in leaving:
            link.unbind()
        if leaving:
            await asyncio.wait([link.over for link in leaving], timeout=2 * self._config.unbind_within_s)
        for keeper in self._keepers:
            keeper.cancel()
        self._intake.cancel()

    def status(self) -> Snapshot:
        """How the connector stands now."""
        rate = self._pace.rate_per_s
        return Snapshot(
            binds=self.binds(),
            in_flight=self._in_flight(),
            queued=self._queued(),
            window=sum(link.terms.window for link in self._links if link.terms.submits),
            rate_per_s=None if rate == inf else rate,
            receipts_in_hand=self._intake.in_hand,
        )

    # -- what links report ---------------------------------------------------------------------------------------

    def happened(self, link: Link, events: Sequence[Event[int]]) -> None:
        """What came together of a session."""
        delivered: list[Delivered] = []
        for event in events:
            if type(event) is Took:
                self._took(event)
            elif type(event) is Delivered:
                delivered.append(event)
            else:
                self._rarely(link, event)
        if delivered:
            self._intake.take(link, delivered)
        self._moved(link)

    def _rarely(self, link: Link, event: Event[int]) -> None:
        """One of the events that are not nearly all of them."""
        match event:
            case Answered(submission_id, answer, raw, late):
                self._congestion(answer)
                self._answered(submission_id, self._outcome(answer, raw), late=late)
                if answer.status in _SESSION_BROKEN:
                    link.unbind()
            case Overdue(submission_id):
                self._counts["unanswered"] += 1
                self._tell(submission_id, Unknown("timeout"))
            case Bound():
                self._came_up(link)
            case Stray():
                self._stray(event)
            case _:
                pass

    def pump(self, link: Link) -> None:
        """Write of a bind's queue what its window and the pace let through."""
        now = self._loop.time()
        may = min(len(link.queue), link.free)
        if may > 0:
            link.submit(self._pace.take(now, may), now=now)
        if link.queue:
            self._wake_by_pace()

    def ended(self, link: Link, cause: str, lost: list[Lost[int]]) -> None:
        """A session is over: what it held is told now."""
        if link in self._links:
            self._links.remove(link)
        for one in lost:
            self._tell(one.token, Unknown("link_lost") if one.written else Unwritten(cause))
        while link.queue:
            self._tell(link.queue.popleft()[1], Unwritten(cause))
        self._counts["unanswered"] += sum(one.written for one in lost)
        self._set_bound()
        self._moved(None)

    # -- submissions -----------------------------------------------------------------------------------------------

    def _least_busy(self) -> Link | None:
        """The bind with the most places left; its queue counts against it."""
        links = () if self._closing else self._links
        if len(links) == 1:
            return links[0] if links[0].submits else None
        return max((link for link in links if link.submits), key=_places, default=None)

    def _enqueue(self, link: Link, parts: list[tuple[bytes, int]]) -> None:
        """Queue the first of the parts; the others follow it."""
        first = parts[0]
        if len(parts) > 1:
            self._behind[first[1]] = link, parts[1:]
        self._counts["submitted"] += 1
        link.enqueue([first])

    def _tell(self, submission_id: int, outcome: Outcome) -> None:
        """What came of a submission, and so of the parts behind it."""
        self._upstream.answered(submission_id, outcome)
        self._follow(submission_id, outcome)

    def _tell_all(self, parts: Sequence[Outgoing], outcome: Outcome) -> None:
        for part in parts:
            self._upstream.answered(part.submission_id, outcome)

    def _follow(self, submission_id: int, before: Outcome) -> None:
        """What comes of the parts behind one whose outcome is known."""
        if submission_id not in self._behind:
            return
        link, rest = self._behind.pop(submission_id)
        if isinstance(before, Taken | Unknown) and link in self._links and not self._closing:
            self._enqueue(link, rest)
            return
        refused = isinstance(before, Refused) and before.next is Next.GIVE_UP
        cause = PART_REFUSED if refused else "closing" if self._closing else "part_waits"
        for _, following in rest:
            self._upstream.answered(following, Unwritten(cause))

    def _outcome(self, answer: SubmitSmResp | GenericNack, raw: bytes) -> Outcome:
        if answer.status == Status.ESME_ROK and isinstance(answer, SubmitSmResp):
            if not answer.message_id:
                self._alarm("smpp_answer_without_id", "its receipts will find nobody")
            return Taken((answer.message_id or "")[:VALUE_CHARS_MAX], raw)
        nack = isinstance(answer, GenericNack)
        error = None if isinstance(answer, GenericNack) else network_error(answer.tlvs)
        network, _ = words.error(error, self._trust)
        refusal = words.refused(answer.status, raw, nack=nack, rules=self._rules, network=network)
        if words.needs_operator(refusal):
            self._alarm("smpp_submission_refused", refusal.code)
        if answer.status == Status.ESME_RINVEXPIRY:
            self._composer.validity_form = OTHER_FORM[self._config.validity_form]
        return refusal

    def _took(self, event: Took[int]) -> None:
        self._counts["taken"] += len(event.answers)
        self._pace.taken(len(event.answers))
        self._upstream.taken(event.answers)
        if self._behind:
            for submission_id, taken in event.answers:
                self._follow(submission_id, taken)

    def _stray(self, stray: Stray) -> None:
        self._counts["stray"] += 1
        self._log.warning(
            "smpp_stray_pdu",
            pdu=command_name(stray.command_id),
            status=status_name(stray.status),
            sequence=stray.sequence,
        )

    def _congestion(self, answer: SubmitSmResp | GenericNack) -> None:
        told = answer.tlvs.get(Tlv.CONGESTION_STATE) if isinstance(answer, SubmitSmResp) else None
        if told:
            self._pace.congested(told[0], self._loop.time())

    def _answered(self, submission_id: int, outcome: Outcome, *, late: bool) -> None:
        if late:
            self._counts["late"] += 1
        self._tell(submission_id, self._paced(outcome, self._loop.time()))

    def _paced(self, outcome: Outcome, now: float) -> Outcome:
        """Let the pace hear of an answer; what is refused as often as only too much can be, is too much."""
        if not isinstance(outcome, Refused):
            self._counts["taken"] += 1
            self._pace.answered()
            return outcome
        queue_full = outcome.reason is Reason.DEST_QUEUE_FULL and outcome.next is Next.RETRY
        if outcome.next is not Next.THROTTLE and self._pace.answered(queue_full=queue_full):
            outcome = replace(outcome, next=Next.THROTTLE)
        if outcome.next is Next.THROTTLE:
            self._counts["throttled"] += 1
            self._pace.throttled(now)
        else:
            self._counts["refused"] += 1
        if words.is_the_accounts(outcome):
            self._pace.pause(now)
        return outcome

    # -- room, pace and the end ------------------------------------------------------------------------------------

    def _came_up(self, link: Link) -> None:
        self._links.append(link)
        self._counts["binds"] += 1
        self._log.info("smpp_bound", kind=type(link.terms.bind).__name__)
        link.read(self._intake.listening)
        self._set_bound()

    def _set_bound(self) -> None:
        able = any(link.terms.submits for link in self._links)
        if able or (self._links and self._config.bind_mode == "receiver"):
            self.bound.set()
        else:
            self.bound.clear()

    def _listen(self, listening: bool) -> None:
        for link in self._links:
            link.read(listening)

    def _moved(self, link: Link | None) -> None:
        """Something was answered, stored or lost: let the next ones go, and tell who waits."""
        for one in (link,) if link else self._links:
            if one.queue:
                self.pump(one)
        if self._wants_room and self.room > 0:
            waiters, self._wants_room = self._wants_room, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)
        if self._idle and not self._idle.done() and not self._busy():
            self._idle.set_result(None)

    def _wake_by_pace(self) -> None:
        """Come back when the pace has a token, if that is what there is none of."""
        wait_s = self._pace.wait_s(self._loop.time())
        if wait_s > 0 and self._wakes is None:
            self._wakes = self._loop.call_later(wait_s, self._awake)

    def _awake(self) -> None:
        self._wakes = None
        self._moved(None)
        if self._wants_room:
            self._wake_by_pace()

    def _in_flight(self) -> int:
        return sum(link.in_flight for link in self._links)

    def _queued(self) -> int:
        return sum(len(link.queue) for link in self._links)

    def _busy(self) -> bool:
        return bool(self._in_flight() or self._queued() or self._intake.in_hand)

    async def _drain(self, within_s: float) -> None:
        """Wait for what is on its way; what is still queued then was certainly not sent."""
        if self._busy():
            self._idle = self._loop.create_future()
            await asyncio.wait([self._idle], timeout=within_s)
        for link in self._links:
            while link.queue:
                self._tell(link.queue.popleft()[1], Unwritten("closing"))

    def _alarm(self, event: str, detail: str) -> None:
        """Somebody must look at the settings or the account. Said once, not for every message."""
        if (event, detail) not in self._alarmed:
            self._alarmed.add((event, detail))
            self._log.error(event, detail=detail)


def _places(link: Link) -> int:
    """What its window still has room for, behind what is queued."""
    return link.free - len(link.queue)


def tls_context(config: SmppConfig) -> ssl.SSLContext | None:
    """How to open a connection with TLS, if it is to have it. Raises Misconfigured."""
    if not config.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=config.tls_ca_file)
    except OSError as trouble:
        raise Misconfigured(f"SMPP connector: `tls_ca_file` cannot be used: {trouble}") from None
    if not config.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
