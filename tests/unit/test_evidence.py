"""Packs of evidence: what goes in comes out, of the message it is about, and only once."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.domain.evidence import Evidence, Kind
from tidings.domain.status import State
from tidings.store.evidence import PACK_MOST, Pack, Unreadable, pack, pack_names, read, unpack

NOW = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
WRITTEN = Evidence(Kind.WRITTEN, NOW, State.SENDING)

evidence = st.builds(
    Evidence,
    st.sampled_from(Kind),
    st.just(NOW),
    claim=st.none() | st.sampled_from(State),
    charged=st.integers(0, 1 << 62),
    word=st.none() | st.text(st.characters(codec="utf-8"), max_size=20),
    raw=st.none() | st.binary(max_size=300),
)
keys = st.tuples(st.integers(1, 3), st.integers(1, 40) | st.integers(1, (1 << 53) - 1))
logs = st.dictionaries(keys, st.lists(evidence, min_size=1, max_size=12), max_size=30)


@given(logs, st.integers(0, 200))
def test_a_message_finds_all_its_evidence_by_the_places_it_was_told(logs, heard_before):
    rows = [(key, heard_before + n, one) for key, log in logs.items() for n, one in enumerate(log, 1)]
    packs, places = pack(rows)
    by_name = {one.name: one for one in packs}
    assert len(by_name) == len(packs)
    assert places.keys() == logs.keys()
    for key, log in logs.items():
        names = list(pack_names(key, places[key]))
        assert len(set(names)) == len(names)
        found = [(seq, read(body)) for name in names for _, seq, body in unpack(by_name[name], of={key})]
        assert sorted(found, key=lambda one: one[0]) == [
            (heard_before + n, one) for n, one in enumerate(log, 1)
        ]


@given(logs)
def test_nothing_is_in_two_packs(logs):
    rows = [(key, n, one) for key, log in logs.items() for n, one in enumerate(log, 1)]
    held = [(key, seq) for one in pack(rows)[0] for key, seq, _ in unpack(one)]
    assert sorted(held) == sorted((key, seq) for key, seq, _ in rows)


def test_a_pack_stays_as_long_as_its_newest_message():
    [one], _ = pack([((1, message_id), 2, WRITTEN) for message_id in (7, 9, 8)])
    assert one.name == (1, 9, 2)


def test_what_is_said_of_many_is_stored_once_and_in_several_packs_where_they_are_too_many():
    packs, _ = pack([((1, n), 2, WRITTEN) for n in range(1, PACK_MOST + 2)])
    assert [one.message_id for one in packs] == [PACK_MOST, PACK_MOST + 1]
    assert len(packs[0].body) < 3 * PACK_MOST


SMALL, LARGE = (pack([((1, n), 1, WRITTEN) for n in range(count)])[0][0].body for count in (1, PACK_MOST))


@pytest.mark.parametrize("body", [b"", b"no pack", SMALL[:-5], LARGE[:-5]])
def test_what_is_not_a_pack_is_named(body):
    with pytest.raises(Unreadable, match="1, 2, 3"):
        list(unpack(Pack(1, 2, 3, body)))
