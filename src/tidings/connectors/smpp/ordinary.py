"""The frames that nearly all of a session's traffic is, read without making values of them first.

`pdu.decode` reads every frame. This module knows only the ordinary forms, a few times faster, and says so of a frame
that is not one.
"""

import re

from tidings.connectors.smpp.frames import HEADER_OCTETS

_ID_OCTETS_MAX = 64
_MANDATORY = re.compile(
    rb".{16}[^\0]*\0.."  # header, service_type, source type and plan
    rb"[^\0]*\0..[^\0]*\0..."  # source, destination type and plan, destination, esm_class to priority_flag
    rb"[^\0]*\0[^\0]*\0.....",  # schedule_delivery_time, validity_period, registered_delivery to sm_length
    re.DOTALL,
)


def only_id(response: bytes) -> str | None:
    """The id in a submit_sm_resp, if its body is an id and nothing else; else None."""
    last = len(response) - 1
    if not 0 < last - HEADER_OCTETS <= _ID_OCTETS_MAX or response.find(0, HEADER_OCTETS) != last:
        return None
    return response[HEADER_OCTETS:last].decode("latin-1")


def is_whole(deliver_sm: bytes) -> bool:
    """Whether a deliver_sm has all that is mandatory, so that it can be read."""
    return _MANDATORY.match(deliver_sm) is not None
