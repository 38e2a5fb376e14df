"""Each piece of evidence says who it is from."""

from datetime import UTC, datetime

from tidings.domain.evidence import UNWRITTEN, Evidence, Kind
from tidings.domain.source import SOURCES, Source, source

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_every_kind_of_evidence_has_a_source():
    assert SOURCES.keys() == set(Kind)


def test_what_was_never_written_goes_back_by_our_own_word():
    assert source(Evidence(Kind.REQUEUED, AT, word=UNWRITTEN)) is Source.GATEWAY
    assert source(Evidence(Kind.REQUEUED, AT, word="0x00000058 ESME_RTHROTTLED")) is Source.CARRIER
