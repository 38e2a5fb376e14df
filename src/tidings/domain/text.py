"""Alphabets and segments: what a text weighs on the air and where it is cut.

A handset takes 140 octets a part: 160 septets of the GSM default alphabet or 70 UTF-16 code units. A text of
several parts gives 6 octets of each to the header that joins them again, which leaves 153 and 67 (3GPP TS
23.038 and 23.040). Cuts are found on encoded octets, because that is where they may hurt: an escape must stay
with the character it announces, a high surrogate with its low one. A part that would split a pair ends one
unit earlier.
"""

import codecs
import re
from enum import StrEnum, unique
from typing import NamedTuple

SEPTETS_ALONE, SEPTETS_JOINED = 160, 153
UNITS_ALONE, UNITS_JOINED = 70, 67

# 3GPP TS 23.038 §6.2.1, in code order. 0x1B is the escape and stands for no character.
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
# 3GPP TS 23.038 §6.2.1.1: sent as the escape and this code, two septets.
_EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
_ESCAPE = 0x1B
_EXTENDED = frozenset(_EXTENSION.values())
_GSM = (frozenset(_BASIC) | _EXTENDED) - {chr(_ESCAPE)}
_ALL_GSM = re.compile(f"[{re.escape(''.join(sorted(_GSM)))}]*")
_AN_EXTENDED = re.compile(f"[{re.escape(''.join(sorted(_EXTENDED)))}]")

_ENCODE: dict[int, int | bytes] = {
    **{ord(char): code for code, char in enumerate(_BASIC) if code != _ESCAPE},
    **{ord(char): bytes((_ESCAPE, code)) for code, char in _EXTENSION.items()},
}
_NO_SEPTET = 0xFF
_FROM_ASCII = bytes(
    code if isinstance(code := _ENCODE.get(point), int) else _NO_SEPTET for point in range(256)
)
_GSM_OF_ASCII = bytes(sorted(ord(char) for char in _GSM if char.isascii()))
# An escape nobody can read shows as a space, a code with its high bit set is no septet at all.
_DECODE = _BASIC.replace(chr(_ESCAPE), " ") + "\ufffd" * 128
_ESCAPED = re.compile(rb"\x1b([^\x1b])", re.DOTALL)
_HIGH_SURROGATE = range(0xD8, 0xDC)  # the first octet of one, in UTF-16BE


@unique
class Alphabet(StrEnum):
    """How a text is coded on the air."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


class Segments(NamedTuple):
    """A text as it will be sent. `parts` is never empty; joined, they are the text."""

    alphabet: Alphabet
    parts: tuple[str, ...]


class Weight(NamedTuple):
    """How a text will be sent, where only the number of its parts matters."""

    alphabet: Alphabet
    parts: int


_LIGHT = Weight(Alphabet.GSM7, 1)


def fits_gsm(text: str) -> bool:
    """Whether every character is in the GSM default alphabet or its extension table."""
    if text.isascii():  # as most are
        return not text.encode("ascii").translate(None, _GSM_OF_ASCII)
    return _ALL_GSM.fullmatch(text) is not None


def units(text: str, alphabet: Alphabet) -> int:
    """What a text weighs: septets (extension characters count two), or UTF-16 code units.

    Asked for septets of a text that does not fit the GSM alphabet, counts a foreign character as one.
    """
    if alphabet is Alphabet.UCS2:
        return len(_utf16(text)) // 2
    return len(text) + len(_AN_EXTENDED.findall(text))


def segment(text: str, *, ucs2: bool = False) -> Segments:
    """The parts a text is sent in, in the cheapest alphabet that holds it; `ucs2` forces UCS-2.

    An empty text is one empty part. Surrogates without their partner, which JSON can spell, become U+FFFD.
    """
    if ucs2 or not fits_gsm(text):
        return Segments(Alphabet.UCS2, _ucs2_parts(text))
    if 2 * len(text) <= SEPTETS_ALONE or units(text, Alphabet.GSM7) <= SEPTETS_ALONE:
        return Segments(Alphabet.GSM7, (text,))
    return Segments(Alphabet.GSM7, _gsm_parts(text))


def weigh(text: str, *, ucs2: bool = False) -> Weight:
    """What `segment` makes of a text, counted."""
    if 2 * len(text) <= SEPTETS_ALONE and not ucs2 and fits_gsm(text):  # as most are
        return _LIGHT
    segments = segment(text, ucs2=ucs2)
    return Weight(segments.alphabet, len(segments.parts))


def encode(text: str, alphabet: Alphabet) -> bytes:
    """Octets of a part: GSM default alphabet with one septet an octet, unpacked, or UTF-16BE.

    A character outside the GSM alphabet is a UnicodeEncodeError: `segment` never leads here with one.
    """
    if alphabet is Alphabet.UCS2:
        return _utf16(text)
    if text.isascii():  # as most are: then a table does at once what else is done character by character
        octets = text.encode("ascii").translate(_FROM_ASCII)
        if _NO_SEPTET not in octets:
            return octets
    return codecs.charmap_encode(text, "strict", _ENCODE)[0]


def decode_gsm(octets: bytes) -> str:
    """The text of unpacked GSM octets, which may come from anywhere and never fail.

    As 3GPP TS 23.038 asks of a receiver, an unassigned code after an escape shows as the plain character of
    that code and an escape that announces nothing as a space. Octets above 0x7F become U+FFFD.
    """
    if _ESCAPE not in octets:
        return codecs.charmap_decode(octets, "strict", _DECODE)[0]
    plain = (codecs.charmap_decode(run, "strict", _DECODE)[0] for run in _ESCAPED.split(octets)[::2])
    extended = (_EXTENSION.get(code[0], _DECODE[code[0]]) for code in _ESCAPED.findall(octets))
    return "".join(run + char for run, char in zip(plain, (*extended, ""), strict=True))


def _gsm_parts(text: str) -> tuple[str, ...]:
    if not _AN_EXTENDED.search(text):
        return tuple(text[at : at + SEPTETS_JOINED] for at in range(0, len(text), SEPTETS_JOINED))
    octets = encode(text, Alphabet.GSM7)
    parts, start, at = [], 0, 0
    while start < len(octets):
        end = min(start + SEPTETS_JOINED, len(octets))
        end -= octets[end - 1] == _ESCAPE
        until = at + end - start - octets.count(_ESCAPE, start, end)
        parts.append(text[at:until])
        start, at = end, until
    return tuple(parts)


def _ucs2_parts(text: str) -> tuple[str, ...]:
    octets = _utf16(text)
    if len(octets) <= 2 * UNITS_ALONE:
        return (octets.decode("utf-16-be"),)
    parts, start = [], 0
    while start < len(octets):
        end = min(start + 2 * UNITS_JOINED, len(octets))
        end -= 2 * (octets[end - 2] in _HIGH_SURROGATE)
        parts.append(octets[start:end].decode("utf-16-be"))
        start = end
    return tuple(parts)


def _utf16(text: str) -> bytes:
    """UTF-16BE; surrogates without their partner become U+FFFD."""
    try:
        return text.encode("utf-16-be")
    except UnicodeEncodeError:
        halves = text.encode("utf-16-be", "surrogatepass")
        return halves.decode("utf-16-be", "replace").encode("utf-16-be")
