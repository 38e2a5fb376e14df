"""Makes one part of a message into the submit_sm that carries it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from msgspec import structs

from tidings.connectors.smpp import address
from tidings.connectors.smpp.codes import EsmClass
from tidings.connectors.smpp.config import SmppConfig, ValidityForm
from tidings.connectors.smpp.pdu import SHORT_MESSAGE_OCTETS_MAX, SubmitSm, body_of
from tidings.domain.text import Alphabet, encode
from tidings.flows.ports import Clock, Outgoing, Singles

RECEIPT_ALWAYS = 1
"""registered_delivery: a receipt of success or failure. Without it nobody could say what became of a message."""

ADDRESS_OCTETS_MAX = 20
AROUND_MAX = 4096
"""Different surroundings of destination and text that a connector keeps."""

_DATA_CODING = {
    (Alphabet.GSM7, False): 0x00,
    (Alphabet.UCS2, False): 0x08,
    (Alphabet.GSM7, True): 0x10,  # message class 0: shown at once, not stored
    (Alphabet.UCS2, True): 0x18,
}


def compose(
    part: Outgoing, config: SmppConfig, *, now: datetime, validity_form: ValidityForm | None = None
) -> SubmitSm:
    """The PDU, without a sequence number. Raises ValueError if this carrier cannot be told it.

    `validity_form` is another one than the configured one, where the carrier refused that.

    Parts of a long message start with a user data header of the 8-bit kind, which every handset joins.
    """
    source = address.source(part.sender, ton=config.source_ton, npi=config.source_npi)
    destination = address.destination(part.recipient, ton=config.dest_ton, npi=config.dest_npi)
    for field in (source.digits, destination.digits):
        if len(field.encode("latin-1")) > ADDRESS_OCTETS_MAX or "\0" in field:
            raise ValueError("an address does not fit")
    return SubmitSm(
        service_type=config.service_type,
        source_addr_ton=source.ton,
        source_addr_npi=source.npi,
        source_addr=source.digits,
        dest_addr_ton=destination.ton,
        dest_addr_npi=destination.npi,
        destination_addr=destination.digits,
        esm_class=int(EsmClass.UDHI) if part.parts > 1 else 0,
        validity_period=_validity(part.validity_s, validity_form or config.validity_form, now),
        registered_delivery=RECEIPT_ALWAYS,
        data_coding=_DATA_CODING[part.alphabet, part.flash],
        short_message=_message(part, config.gsm_alphabet),
    )


class Composer:
    """Makes parts into the bodies of one connector's submissions.

    They hardly differ in anything but the destination and the text. So what stands around these two is composed once
    for many, and kept.
    """

    def __init__(self, config: SmppConfig, clock: Clock) -> None:
        self.validity_form = config.validity_form  # until the carrier refuses it
        self._config = config
        self._clock = clock
        self._around: dict[_Kind, tuple[bytes, bytes]] = {}

    def body(self, part: Outgoing) -> bytes:
        """What stands behind the header of a part's submit_sm. Raises ValueError as `compose` does."""
        recipient = part.recipient
        if not _are_usual([recipient]):
            return body_of(self._composed(part))
        before, between = self._surroundings(part)
        message = _message(part, self._config.gsm_alphabet)
        if len(message) > SHORT_MESSAGE_OCTETS_MAX:
            raise ValueError("the message does not fit")
        return b"%b%b%b%c%b" % (before, recipient.encode(), between, len(message), message)

    def bodies(self, singles: Singles) -> list[bytes] | None:
        """What `body` makes of each of these, at once; None if one of them is unusual, or cannot be told."""
        if not _are_usual(singles.recipients):
            return None
        alphabet, gsm_alphabet = singles.alphabet, self._config.gsm_alphabet
        try:
            before, between = self._surroundings(next(iter(singles)))
            messages = {text: _octets(text, alphabet, gsm_alphabet) for text in set(singles.texts)}
        except ValueError:
            return None
        if max(map(len, messages.values())) > SHORT_MESSAGE_OCTETS_MAX:
            return None
        behind = {text: b"%b%c%b" % (between, len(octets), octets) for text, octets in messages.items()}
        return [
            b"%b%b%b" % (before, recipient.encode(), behind[text])
            for recipient, text in zip(singles.recipients, singles.texts, strict=True)
        ]

    def _surroundings(self, part: Outgoing) -> tuple[bytes, bytes]:
        """What stands before the destination, and what from there to the length of the message."""
        form, left_s = self.validity_form, part.validity_s
        validity = _relative(left_s) if form == "relative" else _validity(left_s, form, self._clock.now())
        kind = part.sender, part.alphabet, part.flash, part.parts > 1, validity
        around = self._around.get(kind)
        if around is None:
            if len(self._around) >= AROUND_MAX:
                self._around.clear()
            around = self._around[kind] = _around(self._composed(part))
        return around

    def _composed(self, part: Outgoing) -> SubmitSm:
        return compose(part, self._config, now=self._clock.now(), validity_form=self.validity_form)


_Kind = tuple[str, Alphabet, bool, bool, str]
"""What a submission's surroundings depend on: sender, alphabet, flash, one of several parts, validity."""


def _around(submit: SubmitSm) -> tuple[bytes, bytes]:
    body = body_of(structs.replace(submit, short_message=b""))
    at = len(submit.service_type) + len(submit.source_addr) + 6  # two NULs, types and plans
    return body[:at], body[at + len(submit.destination_addr) : -1]


def _are_usual(recipients: Sequence[str]) -> bool:
    """Whether all of them are digits, and not too many."""
    together, lengths = "".join(recipients), set(map(len, recipients))
    return (
        together.isdigit() and together.isascii() and 0 not in lengths and max(lengths) <= ADDRESS_OCTETS_MAX
    )


def _message(part: Outgoing, gsm_alphabet: str) -> bytes:
    """The text, behind a header if it is one part of several."""
    if part.parts == 1:
        return _octets(part.text, part.alphabet, gsm_alphabet)
    header = bytes((5, 0, 3, part.reference, part.parts, part.part))
    return header + _octets(part.text, part.alphabet, gsm_alphabet)


def _octets(text: str, alphabet: Alphabet, gsm_alphabet: str) -> bytes:
    """The text as carried: one octet for each GSM character, or what this carrier calls its default alphabet."""
    if alphabet is Alphabet.GSM7 and gsm_alphabet == "latin1":
        return text.encode("latin-1")
    return encode(text, alphabet)


def _validity(left_s: int, form: ValidityForm, now: datetime) -> str:
    """What is left of the validity, in the form YYMMDDhhmmsstnnp; it never starts anew with a submission."""
    if form == "none":
        return ""
    if form == "absolute_utc":
        return f"{now + timedelta(seconds=max(left_s, 1)):%y%m%d%H%M%S}000+"
    return _relative(left_s)


@lru_cache(maxsize=1024)
def _relative(left_s: int) -> str:
    left = timedelta(seconds=max(left_s, 1))
    hours, rest = divmod(left.seconds, 3600)
    return f"0000{min(left.days, 99):02}{hours:02}{rest // 60:02}{rest % 60:02}000R"
