"""The same as `judge` for plain orders with which nothing is wrong: in columns, and several orders at a time.

What they agree in is judged once. As soon as anything is wrong with anybody, all of it is left to `judge`, which says
what it is: nothing here knows which fault goes before another.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final, NamedTuple

from tidings.domain import ids
from tidings.domain.order import Receipted, Taken
from tidings.domain.routing import Offer
from tidings.domain.status import State
from tidings.domain.text import Alphabet
from tidings.flows.judge import Judge, sender_fault
from tidings.flows.new_rows import Terms
from tidings.flows.prepare import PreparedPlain

_UCS2: Final = Alphabet.UCS2


class NotPlain(Exception):
    """Something is wrong with somebody; what was judged of these orders is of no more use."""


class _Columns(NamedTuple):
    """Messages, one after the other."""

    ids: list[int]
    recipients: list[str]
    references: list[str | None]
    texts: list[str]


def write_plain(judge: Judge, orders: Sequence[PreparedPlain]) -> list[Receipted]:
    """Append the orders' rows; their answers. Raises NotPlain."""
    if any(one.as_of not in (None, judge.as_of) for one in orders):
        raise NotPlain
    found: dict[int, Receipted] = {}
    for alike in _alike(judge, orders):
        rows = _taken(judge, alike)
        found |= _receipted(judge, alike, rows)
    return [found[one.first_id] for one in orders]


def _alike(judge: Judge, orders: Sequence[PreparedPlain]) -> Iterator[list[PreparedPlain]]:
    """Orders that can be judged at a time: of one pattern and weight, and with no task of their own."""
    found: dict[tuple[int, ...], list[PreparedPlain]] = {}
    for one in orders:
        key = (id(one.order.pattern), one.size, one.weight.parts, one.weight.alphabet is _UCS2)
        found.setdefault(key, []).append(one)
    for alike in found.values():
        whole, draft = alike[0].order.pattern
        if alike[0].size == 1 and judge.rows.says_all(whole, draft):
            yield alike
        else:
            yield from ([one] for one in alike)


def _taken(judge: Judge, alike: Sequence[PreparedPlain]) -> list[Taken]:
    """Their messages, put down. Raises NotPlain."""
    (order, draft), weight = alike[0].order.pattern, alike[0].weight
    account, test = order.caller.account, order.caller.test
    if (
        judge.ledger.funds[account.id].closed
        or judge.tariff_fault(draft, account.id) is not None
        or sender_fault(draft, account) is not None
    ):
        raise NotPlain
    columns = _columns(alike)
    _claim(judge, account.id, [one for one in columns.references if one is not None])
    offers = judge.catalog.offers[account.id].offers(columns.recipients, tariff=draft.tariff or 0, test=test)
    if offers is None:
        raise NotPlain
    writing = judge.rows.writing(order, alike[0].first_id, total=alike[0].size, first=draft)
    state = State.QUEUED
    for offer, own_reference, some in _kinds(columns, offers):
        price = offer.per_part * weight.parts
        terms = Terms(price, 0 if test else price, offer)
        if not judge.ledger.hold(account.id, terms.billed * len(some.ids), messages=len(some.ids)):
            raise NotPlain
        kin = judge.rows.beside(draft, writing, weight=weight, terms=terms, own=(own_reference, False))
        kin.extend(*some, extras=writing.extras)
        state = kin.accepted.claim or state
    secret, keys, parts = judge.secret, order.shows_keys, weight.parts
    return [
        Taken(
            message_id,
            reference or ids.seal(secret, message_id),
            ids.seal(secret, message_id) if keys else "",
            recipient,
            parts,
            offer.per_part * parts,
            state,
        )
        for message_id, recipient, reference, offer in zip(*columns[:3], offers, strict=True)
    ]


def _columns(alike: Sequence[PreparedPlain]) -> _Columns:
    ranges = [range(one.first_id + 1, one.first_id + 1 + one.size) for one in alike]
    return _Columns(
        list(chain.from_iterable(ranges)),
        list(chain.from_iterable([one.recipients for one in alike])),
        list(chain.from_iterable([one.order.references for one in alike])),
        list(chain.from_iterable([[one.order.text] * one.size for one in alike])),
    )


def _claim(judge: Judge, account_id: int, references: list[str]) -> None:
    """These are the customer's own from now on. Raises NotPlain."""
    ours = (one for one in references if len(one) == ids.SEALED_CHARS)
    if any(ids.unseal(judge.secret, one) is not None for one in ours):
        raise NotPlain
    if not judge.ledger.claim_references(account_id, references):
        raise NotPlain


def _kinds(columns: _Columns, offers: Sequence[Offer]) -> Iterator[tuple[Offer, bool, _Columns]]:
    """Those that wait in one place at one price, and whose references are all the customer's own, or all not."""
    without = columns.references.count(None)
    if without in (0, len(offers)) and offers.count(offers[0]) == len(offers):  # as is usual
        yield offers[0], not without, columns
        return
    places: dict[tuple[int, bool], list[int]] = {}
    for place, (offer, reference) in enumerate(zip(offers, columns.references, strict=True)):
        places.setdefault((id(offer), reference is not None), []).append(place)
    for (_, own_reference), its in places.items():
        yield (
            offers[its[0]],
            own_reference,
            _Columns(
                [columns.ids[place] for place in its],
                [columns.recipients[place] for place in its],
                [columns.references[place] for place in its],
                [columns.texts[place] for place in its],
            ),
        )


def _receipted(judge: Judge, alike: Sequence[PreparedPlain], rows: list[Taken]) -> dict[int, Receipted]:
    """Their answers, by their first ids."""
    order = alike[0].order.pattern.order
    currency = order.caller.account.currency
    found: dict[int, Receipted] = {}
    start = 0
    for one in alike:
        task_id, end = one.first_id, start + one.size
        bulk_key = order.bulk_key or (ids.seal(judge.secret, task_id) if order.shows_keys else "")
        found[task_id] = Receipted(task_id, bulk_key, judge.now, currency, rows[start:end])
        start = end
    return found
