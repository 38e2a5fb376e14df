"""The frames that nearly all of a session's traffic is, read without making values of them first.

`pdu.decode` reads every frame. These functions know only the ordinary forms, a few times faster, and say so of a
frame that is not one.
"""

import re

from tidings.connectors.smpp.codes import Command
from tidings.connectors.smpp.frames import HEADER_OCTETS

_SEQUENCE_AT = 12
_ID_OCTETS_MAX = 65  # with its NUL
_TAKEN = Command.SUBMIT_SM_RESP.to_bytes(4) + bytes(4)  # with command_status 0
_DELIVER = Command.DELIVER_SM.to_bytes(4)
_MANDATORY = re.compile(
    rb".{16}[^\0]*\0.."  # header, service_type, source type and plan
    rb"[^\0]*\0..[^\0]*\0..."  # source, destination type and plan, destination, esm_class to priority_flag
    rb"[^\0]*\0[^\0]*\0.....",  # schedule_delivery_time, validity_period, registered_delivery to sm_length
    re.DOTALL,
)


def sequence_of(frame: bytes) -> int:
    """The sequence number in a frame's header."""
    return int.from_bytes(frame[_SEQUENCE_AT:HEADER_OCTETS])


def taken_id(frame: bytes) -> str | None:
    """The id in a submit_sm_resp that takes a submission and says nothing else; None of every other frame."""
    last = len(frame) - 1
    if frame[4:_SEQUENCE_AT] != _TAKEN or not 0 < last - HEADER_OCTETS < _ID_OCTETS_MAX:
        return None
    return frame[HEADER_OCTETS:last].decode("latin-1") if frame.find(0, HEADER_OCTETS) == last else None


def is_deliver_sm(frame: bytes) -> bool:
    """Whether a frame is a deliver_sm that can be read."""
    return frame[4:8] == _DELIVER and _MANDATORY.match(frame) is not None
