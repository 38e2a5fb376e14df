"""Requests answered straight: of what is asked thousands of times a second, no task, request or response is made.

A connection looks at what it receives. One whole GET or POST with nothing unusual in its head, of a path below a door
of a dialect, is asked from right here, and answered from right where the batch ends that has the answer. Everything
else goes uvicorn's way; so does what a dialect does not answer straight, or not after all: as if it had just come.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from starlette.routing import BaseRoute, Mount

from tidings.app.http import tell
from tidings.app.one_write import OneWrite
from tidings.dialects.plain import Straight

GET, POST, VERSION, HEAD_END = b"GET ", b"POST ", b" HTTP/1.1\r\n", b"\r\n\r\n"
MOST_OCTETS = 2_048  # of a head
MOST_BODY_OCTETS = 8_192
OK, OUR_FAULT = b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 500 Internal Server Error\r\n"
HEADS_KNOWN = 1_000
"""Clients repeat their heads octet by octet; so many are known at a time."""

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[\t\x20-\x7e]*")
_UNUSUAL = frozenset({b"connection", b"expect", b"te", b"trailer", b"transfer-encoding", b"upgrade"})
_TARGET = re.compile(rb"/([A-Za-z0-9._~-]+)(?:/[A-Za-z0-9._~-]+)*")


_LENGTH = re.compile(rb"[0-9]{1,5}")


class Head(NamedTuple):
    """What matters of a request's header fields."""

    key: str
    length: int | None  # of the body, if there is one


def doors(routes: Iterable[BaseRoute]) -> dict[bytes, Straight]:
    """What answers straight, by the first segment of the path."""
    mounted: dict[str, object] = {one.path: one.app for one in routes if isinstance(one, Mount)}
    return {path.strip("/").encode(): app for path, app in mounted.items() if isinstance(app, Straight)}


def protocol(doors: Mapping[bytes, Straight]) -> type["StraightProtocol"]:
    """For `uvicorn.Config(http=…)`."""
    return type("Protocol", (StraightProtocol,), {"doors": doors, "heads": {}})


class StraightProtocol(OneWrite):
    """A connection. At most one request of it is being answered; what comes meanwhile waits."""

    doors: Mapping[bytes, Straight]
    heads: dict[bytes, Head]

    _asked: bytes | None = None  # the request that is being answered straight
    _later = b""
    _reading = False  # a request that goes uvicorn's way has not come whole
    _stopping = False
    _quiet_since = 0.0  # the loop's time of the last straight answer

    # What every answer begins with. The list is made anew each second.
    _default_headers: list[tuple[bytes, bytes]] | None = None
    _start = b""

    def data_received(self, data: bytes) -> None:
        """Asyncio: octets came."""
        if self._asked is not None:
            self._later += data
            self.flow.pause_reading()
        elif self._is_busy() or not self._ask(data):
            super().data_received(data)

    def on_message_begin(self) -> None:
        """Its parser: a request begins."""
        self._reading = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """Its parser: it is whole."""
        self._reading = False
        super().on_message_complete()

    def shutdown(self) -> None:
        """Its server: end, but answer first."""
        self._stopping = True
        if self._asked is None:
            super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        """Nobody asked for a while; one timer serves many answers, and goes on for the last of them."""
        self.timeout_keep_alive_task = None
        rest_s = self._quiet_since + self.timeout_keep_alive - self.loop.time()
        if self._asked is not None or rest_s > 0:
            self._keep_alive_for(rest_s if self._asked is None else self.timeout_keep_alive)
        else:
            super().timeout_keep_alive_handler()

    def _is_busy(self) -> bool:
        """Whether uvicorn has something to do yet, so that this has its turn after that."""
        cycle = self.cycle
        under_way = cycle is not None and not cycle.response_complete
        return self._reading or under_way or bool(self.pipeline) or self.flow.write_paused

    def _ask(self, data: bytes) -> bool:
        """Ask, if it is one whole plain request; whether it will be answered."""
        method = GET if data.startswith(GET) else POST
        end = data.find(VERSION, len(method), MOST_OCTETS)
        if end < 0 or not data.startswith(method):
            return False
        target = _TARGET.fullmatch(data, len(method), end)
        door = self.doors.get(target[1]) if target is not None else None
        if target is None or door is None:
            return False
        start = end + len(VERSION)
        body_at = len(data) if method is GET else data.find(HEAD_END, end, end + MOST_OCTETS) + len(HEAD_END)
        if not start <= body_at <= end + MOST_OCTETS:
            return False
        fields = data[start:body_at]
        head = self.heads.get(fields) or self._head_of(fields)
        if head is None or head.length != (None if method is GET else len(data) - body_at):
            return False
        self._asked = data
        if method is GET:
            told = door.straight(target[0].decode(), head.key, self._answered)
        else:
            told = door.take(target[0].decode(), head.key, data[body_at:], self._answered)
        if not told:
            self._asked = None
        return told

    def _head_of(self, fields: bytes) -> Head | None:
        """What matters of these fields, for the next time too; None if no key is in them, or something unusual."""
        head = head_of(fields)
        if head is not None:
            if len(self.heads) >= HEADS_KNOWN:
                self.heads.clear()
            self.heads[fields] = head
        return head

    def _answered(self, body: bytes | None, /, *, fault: BaseException | None = None) -> None:
        """Send it; without one, have uvicorn ask."""
        data, self._asked = self._asked, None
        if fault is not None and data is not None:
            tell(data[:MOST_OCTETS].split(b" ", 2)[1].decode(), data.partition(b" ")[0].decode(), fault)
        if data is None or self.transport.is_closing():
            return
        if body is None:
            super().data_received(data)
            if self._stopping:
                super().shutdown()
        else:
            self._send(body, OK if fault is None else OUR_FAULT)
        if self._later:
            later, self._later = self._later, b""
            self.flow.resume_reading()
            self.data_received(later)

    def _send(self, body: bytes, status: bytes) -> None:
        server, own = self.server_state, type(self)
        if server.default_headers is not own._default_headers:
            own._default_headers, own._start = server.default_headers, _start(server.default_headers)
        server.total_requests += 1
        end = b"\r\nconnection: close\r\n\r\n" if self._stopping else b"\r\n\r\n"
        self.joining.write_whole(b"%b%b%d%b%b" % (status, own._start, len(body), end, body))
        if self._stopping:
            self.transport.close()
            return
        self._quiet_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._keep_alive_for(self.timeout_keep_alive)

    def _keep_alive_for(self, rest_s: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(rest_s, self.timeout_keep_alive_handler)


def head_of(fields: bytes) -> Head | None:
    """What matters of the header fields of a request, with the empty line that ends them.

    None if there is no API key, or something that has a meaning for the connection or the body, or is no plain field.
    """
    lines = fields.split(b"\r\n")
    if len(lines) < 3 or lines[-2:] != [b"", b""]:
        return None
    key: str | None = None
    length = b""
    for line in lines[:-2]:
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            return None
        name, value = name.lower(), value.strip(b" \t")
        if name in _UNUSUAL and (name, value.lower()) != (b"connection", b"keep-alive"):
            return None
        if name == b"x-api-key" and key is None:
            key = value.decode()
        elif name == b"content-length":
            if length or not _LENGTH.fullmatch(value) or int(value) > MOST_BODY_OCTETS:
                return None
            length = value
    return Head(key, int(length) if length else None) if key else None


def _start(default_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    fields = b"".join(b"%b: %b\r\n" % one for one in default_headers)
    return b"%bcontent-type: application/json\r\ncontent-length: " % fields
