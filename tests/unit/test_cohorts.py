"""Messages that are folded together become what each of them would have become alone."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tidings.domain.evidence import Evidence, Kind
from tidings.domain.lifecycle import apply, begin
from tidings.domain.order import TrafficClass
from tidings.domain.outcome import Taken
from tidings.domain.receipt import Receipt, Said
from tidings.domain.settlement import Plan
from tidings.domain.status import PRE, Confirmation, State
from tidings.flows.answers import Answer, evidence_of
from tidings.flows.cohorts import FINGERPRINT, Cohorts
from tidings.flows.dispatch import as_written
from tidings.flows.fold import folding
from tidings.flows.folded import Folded, Leg
from tidings.flows.receive import Incoming, PartsReceipted, Reading, receipt_evidence
from tidings.flows.records import Flight, Held
from tidings.store.evidence import pack_cohorts, pack_names, read, unpack

BORN = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NOW = BORN + timedelta(hours=1)
MOMENTS = [BORN + timedelta(minutes=n) for n in (20, 21, 50)]

moments = st.sampled_from(MOMENTS)
happened = st.builds(
    Evidence,
    st.sampled_from([kind for kind in Kind if kind not in {Kind.ACCEPTED, Kind.REROUTED}]),
    moments,
    claim=st.none() | st.sampled_from([state for state in State if state not in PRE]),
    part=st.integers(0, 1),
    inferred=st.booleans(),
)


@st.composite
def stands(draw):
    """How some messages stand: a delivery and what it costs."""
    parts = draw(st.integers(1, 3))
    delivery = begin(
        Evidence(Kind.ACCEPTED, BORN, draw(st.sampled_from([State.QUEUED, State.SCHEDULED])), parts=parts),
        account_id=draw(st.integers(1, 2)),
        message_id=0,
    )
    for one in draw(st.lists(happened, max_size=3)):
        apply(delivery, one)
    price = draw(st.sampled_from([0, 200]))
    final = delivery.final
    return Held(
        delivery,
        draw(st.sampled_from(Plan)),
        price,
        held=0 if final else price,
        charged=0,
        reports=int(final),
        counted_task=draw(st.none() | st.just(7)),
        fingerprints=[],
        callback_lane=draw(st.none() | st.just(5)),
        callback_each=draw(st.booleans()),
    )


sayings = st.builds(
    Said,
    st.none() | st.sampled_from([State.DELIVERED, State.UNDELIVERABLE, State.ENROUTE, State.EXPIRED]),
    st.sampled_from(["DELIVRD", "UNDELIV"]),
    done_at=st.none() | moments,
    confirmation=st.sampled_from(Confirmation),
    untrusted=st.booleans(),
)
SHARED = [Said(State.DELIVERED, "DELIVRD"), Said(State.UNDELIVERABLE, "UNDELIV", done_at=MOMENTS[0])]
receipts = st.tuples(
    st.integers(1, 3),  # the part
    st.builds(
        Receipt,
        st.sampled_from(["up1", "up2"]),
        st.sampled_from(SHARED) | sayings,
        st.just("380971234567"),
        st.just("Tidings"),
        st.sampled_from([b"one", b"two"]),
    ),
    moments,
)
heard = st.tuples(
    st.integers(0, 2),  # which of the stands
    st.lists(st.tuples(st.integers(1, 3), moments, st.sampled_from(["a", "b"])), max_size=2),
    st.lists(receipts, max_size=3),
)


def flight_of(message_id, account_id, part):
    return Flight(1, account_id, message_id, 1, part, 1, 1, "3809", "T", TrafficClass.OTP, BORN, NOW, 0)


def alone(held, message_id, answers, told, reading):
    """What is made of one message by itself."""
    row = deepcopy(held)
    row.delivery.message_id = message_id
    lines = []
    for one in answers:
        part = row.delivery.attempts[0].parts[one.flight.part - 1]
        lines += [*as_written(one.flight, part), (evidence_of(one, part, next_route=None), None)]
    seen = set()
    for one, leg in told:
        evidence, fingerprint = receipt_evidence(
            one.receipt, leg, at=one.at, delivery=row.delivery, reading=reading
        )
        if fingerprint not in seen:
            seen.add(fingerprint)
            lines.append((evidence, fingerprint))
    key = (row.delivery.account_id, message_id)
    return folding({key: lines}, {key: row}, now=NOW)


def told_apart(folded: Folded):
    """Each message of the cohorts as if it had been folded alone."""
    for cohort in folded.cohorts:
        for place, message_id in enumerate(cohort.message_ids):
            joined = cohort.fingerprints[place] if cohort.fingerprints else b""
            fingerprints = [joined[at : at + FINGERPRINT] for at in range(0, len(joined), FINGERPRINT)]
            delivery = replace(cohort.held.delivery, message_id=message_id)
            evidence = [
                replace(one, upstream_id=its.upstream_ids[place], raw=its.raws[place]) if its else one
                for one, its in cohort.evidence
            ]
            yield (
                message_id,
                cohort.was,
                replace(cohort.held, delivery=delivery, fingerprints=fingerprints),
                evidence,
                [replace(one, message_id=message_id) for one in cohort.reports],
                [replace(one, message_id=message_id) for one in cohort.callbacks],
                cohort.settle_timers,
            )


def each(folded: Folded):
    """The same of those that were folded alone."""
    for key, held in folded.rows.items():
        yield (
            key[1],
            folded.was[key],
            held,
            [one for _, _, one in folded.evidence],
            folded.reports,
            folded.callbacks,
            [at for _, at in folded.settle_timers],
        )


@settings(max_examples=200, deadline=None)
@given(
    st.lists(stands(), min_size=3, max_size=3), st.lists(heard, max_size=8), st.sampled_from(PartsReceipted)
)
def test_what_is_folded_together_is_what_would_be_folded_alone(stood, told, parts):
    reading = Reading(parts)
    untouched = deepcopy(stood)
    cohorts = Cohorts(now=NOW, reading=reading)
    expected = []
    for message_id, (which, taken, delivered) in enumerate(told, 1):
        held = stood[which]
        last, account_id = len(held.delivery.attempts[0].parts), held.delivery.account_id
        its_parts = {min(part, last): (at, word) for part, at, word in taken}
        answers = [
            Answer(flight_of(message_id, account_id, part), Taken(word + str(message_id), b"raw"), at, word)
            for part, (at, word) in its_parts.items()
        ]
        its = [
            (Incoming(one, at, ["up"]), Leg(1, account_id, 1, min(part, last), 1, BORN))
            for part, one, at in delivered
        ]
        for one in answers:
            cohorts.answered(one, held)
        for one, leg in its:
            cohorts.receipted(one, (message_id, "3809", leg), held, heard=b"")
        if answers or its:
            expected.append(alone(held, message_id, answers, its, reading))
    folded = cohorts.folded()
    assert stood == untouched, "what stands for many is never changed"
    assert sorted(told_apart(folded), key=lambda one: one[0]) == [
        row for one in expected for row in each(one)
    ]
    assert moved(folded) == moved(*expected)
    assert sorted(one for its in folded.submitted.values() for one in its.message_ids) == sorted(
        message_id
        for message_id, (which, taken, _) in enumerate(told, 1)
        for _ in {min(part, len(stood[which].delivery.attempts[0].parts)) for part, _, _ in taken}
    )
    read_again(folded)


def test_what_many_receipts_say_is_told_apart_also_when_nothing_else_keeps_it():
    held = Held(
        begin(Evidence(Kind.ACCEPTED, BORN, State.QUEUED, parts=1), account_id=1, message_id=0),
        *(Plan.ACCEPTED, 0, 0, 0, 0, None, [], None, False),
    )
    cohorts = Cohorts(now=NOW, reading=Reading())
    states = [State.DELIVERED, State.UNDELIVERABLE] * 50
    for message_id, state in enumerate(states):
        receipt = Receipt(f"up{message_id}", Said(state, state.name), "3809", "T", b"raw")
        leg = Leg(1, 1, 1, 1, 1, BORN)
        cohorts.receipted(Incoming(receipt, NOW, []), (message_id, "3809", leg), held, heard=b"")
    made = cohorts.folded().cohorts
    found = {one: evidence.claim for its in made for one in its.message_ids for evidence, _ in its.evidence}
    assert found == dict(enumerate(states))
    assert len(made) == 2, "what is said alike is folded once"


def moved(*folded: Folded):
    """Money and counters, in all."""
    sums: dict[object, int] = {}
    for one in folded:
        for account_id, money in one.money.items():
            for name in money.__struct_fields__:
                sums[account_id, name] = sums.get((account_id, name), 0) + getattr(money, name)
        for task, counter in one.counters.items():
            sums[task, "handed over"] = sums.get((task, "handed over"), 0) + counter.handed_over
            sums[task, "price"] = sums.get((task, "price"), 0) + counter.price
            for bucket, by in counter.buckets.items():
                sums[task, bucket] = sums.get((task, bucket), 0) + by
    return {name: by for name, by in sums.items() if by}


def read_again(folded: Folded):
    """Every message finds its evidence by the place it is told."""
    packs, pieces = pack_cohorts(folded.cohorts)
    by_name = {one.name: one for one in packs}
    found = {
        message_id: [
            read(body)
            for name in pack_names((piece.cohort.held.delivery.account_id, message_id), piece.place)
            for _, _, body in sorted(
                unpack(by_name[name], of={(name[0], message_id)}), key=lambda one: one[1]
            )
        ]
        for piece in pieces
        for message_id in piece.cohort.message_ids[piece.start : piece.end]
    }
    assert len(by_name) == len(packs)
    assert found == {message_id: evidence for message_id, _, _, evidence, *_ in told_apart(folded)}
