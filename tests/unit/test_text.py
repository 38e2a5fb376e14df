"""Segments are what the air takes: nothing is lost, nothing is split in two, and no part is too long."""

import pytest
import smsutil
from hypothesis import given
from hypothesis import strategies as st

from tidings.domain.text import Alphabet, Segments, decode_gsm, encode, fits_gsm, segment, units

GSM, UCS2 = Alphabet.GSM7, Alphabet.UCS2
EXTENSION = "\f^{}\\[~]|€"
BASIC = "".join(decode_gsm(bytes([code])) for code in range(128) if code != 0x1B)

# Runs reach the boundaries of third and fourth parts, which a text of single draws hardly ever does.
gsm_runs = st.lists(st.tuples(st.sampled_from("a1€{"), st.integers(1, 160)), max_size=6)
gsm_text = st.text(st.sampled_from(BASIC + EXTENSION * 3), max_size=700) | gsm_runs.map(
    lambda runs: "".join(char * times for char, times in runs)
)
any_text = st.text(
    st.one_of(
        st.sampled_from(BASIC + EXTENSION),
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("😀🎉Привет한"),
    ),
    min_size=1,
    max_size=300,
)


@given(gsm_text)
def test_gsm_texts_are_cut_where_an_independent_library_cuts_them(text: str) -> None:
    theirs = smsutil.split(text)
    assert segment(text) == Segments(GSM, tuple(part.content for part in theirs.parts) or ("",))


@given(any_text)
def test_any_text_is_cut_where_an_independent_library_cuts_it(text: str) -> None:
    theirs = smsutil.split(text)
    alphabet = GSM if theirs.encoding == "gsm0338" else UCS2
    assert segment(text) == Segments(alphabet, tuple(part.content for part in theirs.parts))
    assert units(text, alphabet) == theirs.total_bytes // (1 if alphabet is GSM else 2)


@given(any_text)
def test_forced_ucs2_is_cut_where_an_independent_library_cuts_it(text: str) -> None:
    theirs = smsutil.unicode_split(text)
    assert segment(text, ucs2=True) == Segments(UCS2, tuple(part.content for part in theirs.parts))


@given(st.text(max_size=500), st.booleans())
def test_no_part_is_too_long_and_joined_they_are_the_text(text: str, ucs2: bool) -> None:
    alphabet, parts = segment(text, ucs2=ucs2)
    alone, joined = (160, 153) if alphabet is GSM else (70, 67)
    assert "".join(parts) == text
    assert all(units(part, alphabet) <= (alone if len(parts) == 1 else joined) for part in parts)
    assert len(parts) == 1 or all(parts)


@given(any_text)
def test_what_is_encoded_weighs_what_was_counted_and_decodes_back(text: str) -> None:
    for part in (segmented := segment(text)).parts:
        octets = encode(part, segmented.alphabet)
        if segmented.alphabet is GSM:
            assert octets == part.encode("gsm0338")
            assert (len(octets), decode_gsm(octets)) == (units(part, GSM), part)
        else:
            assert (len(octets), octets.decode("utf-16-be")) == (2 * units(part, UCS2), part)


@given(st.binary(max_size=300))
def test_any_octets_decode_to_some_text(octets: bytes) -> None:
    assert isinstance(decode_gsm(octets), str)


@pytest.mark.parametrize(
    ("text", "alphabet", "lengths"),
    [
        ("", GSM, [0]),
        ("a" * 160, GSM, [160]),
        ("a" * 161, GSM, [153, 8]),
        ("a" * 306, GSM, [153, 153]),
        ("a" * 307, GSM, [153, 153, 1]),
        ("ж" * 70, UCS2, [70]),
        ("ж" * 71, UCS2, [67, 4]),
        ("ж" * 134, UCS2, [67, 67]),
        ("ж" * 135, UCS2, [67, 67, 1]),
        ("a" * 69 + "ж", UCS2, [70]),  # one foreign character turns the whole text
        ("€" * 80, GSM, [80]),  # two septets each
        ("€" * 81, GSM, [76, 5]),  # 153 is odd: the last septet of a part stays free
        ("a" * 159 + "€", GSM, [152 + 1, 7]),  # 161 septets although 160 characters
        ("a" * 152 + "€" + "a" * 10, GSM, [152, 11]),  # the escape would have been the 153rd septet
        ("a" * 151 + "€" + "a" * 10, GSM, [152, 10]),  # the pair just fits
        ("a" * 152 + "€" + "a" * 152, GSM, [152, 152, 1]),  # the pair's escape weighs in the second part
        ("a" * 158 + "€", GSM, [159]),  # alone, 160 septets are one part
        ("😀" * 35, UCS2, [35]),
        ("😀" * 36, UCS2, [33, 3]),  # 67 is odd: the last unit of a part stays free
        ("ж" * 66 + "😀" + "ж" * 10, UCS2, [66, 11]),  # the high surrogate would have been the 67th unit
        ("ж" * 66 + "\U0010ffff" + "ж" * 10, UCS2, [66, 11]),
        ("ж" * 66 + "\U00010000" + "ж" * 10, UCS2, [66, 11]),
        ("ж" * 66 + "\ue000" + "ж" * 10, UCS2, [67, 10]),  # just above the surrogates
        ("ж" * 65 + "😀" + "ж" * 10, UCS2, [66, 10]),  # the pair just fits
    ],
)
def test_cuts_at_the_boundaries(text: str, alphabet: Alphabet, lengths: list[int]) -> None:
    assert segment(text).alphabet is alphabet
    assert [len(part) for part in segment(text).parts] == lengths


@pytest.mark.parametrize("text", [*EXTENSION, *BASIC])
def test_extension_characters_weigh_two_septets_and_basic_ones_one(text: str) -> None:
    assert fits_gsm(text)
    assert units(text, GSM) == len(encode(text, GSM)) == (2 if text in EXTENSION else 1)


@pytest.mark.parametrize("char", ["\x1b", "\x00", "\t", "`", "ç", "ž", "я", "’", "\u00a0", "😀", "\ud83d"])
def test_characters_outside_the_alphabet_need_ucs2_and_cannot_be_coded_in_gsm(char: str) -> None:
    assert not fits_gsm("plain" + char)
    assert segment("plain" + char).alphabet is UCS2
    with pytest.raises(UnicodeEncodeError):
        encode(char, GSM)


def test_known_septets() -> None:
    assert encode("@£$ Δ_Ç 1ä{€}\f", GSM) == bytes.fromhex("000102201011092031 7b 1b28 1b65 1b29 1b0a")


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"A\x1b\x65B", "A€B"),
        (b"A\x1bB", "AB"),  # no such extension: the plain character
        (b"A\x1b", "A "),  # nothing follows the escape
        (b"\x1b\x1b\x65", " €"),
        (b"\x1b\x0a\x0a", "\f\n"),
        (b"\x80A\xff", "\ufffdA\ufffd"),
        (b"\x1b\xff", "\ufffd"),
        (b"", ""),
    ],
)
def test_odd_octets_read_as_a_handset_shows_them(octets: bytes, text: str) -> None:
    assert decode_gsm(octets) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\ud83d", "a\ufffd"),
        ("\ude00\ud83db", "\ufffd\ufffdb"),
        ("\ud83d\ud83d\ude00", "\ufffd😀"),  # halves that find each other are a character
    ],
)
def test_surrogates_without_their_partner_become_the_replacement_character(text: str, shown: str) -> None:
    assert segment(text) == Segments(UCS2, (shown,))
    assert encode(text, UCS2) == shown.encode("utf-16-be")
    assert units(text, UCS2) == len(shown.encode("utf-16-be")) // 2


@given(st.text(st.characters() | st.characters(categories=["Cs"]), max_size=300), st.booleans())
def test_no_text_at_all_fails_and_no_half_character_leaves(text: str, ucs2: bool) -> None:
    for part in segment(text, ucs2=ucs2).parts:
        part.encode("utf-8")
