"""Questions answered straight: of what is asked thousands of times a second, no task, request or response is made.

A connection looks at what it receives. One whole GET with nothing unusual in its head, of a path below a door of a
dialect, is asked from right here, and answered from right where the batch ends that has the answer. Everything else
goes uvicorn's way; so does what a dialect does not answer straight, or not after all: as if it had just come.
"""

import re
from collections.abc import Iterable, Mapping

from starlette.routing import BaseRoute, Mount

from tidings.app.one_write import OneWrite
from tidings.dialects.plain import Door, Straight

GET, VERSION = b"GET ", b" HTTP/1.1\r\n"
MOST_OCTETS = 2_048
HEADS_KNOWN = 1_000
"""Clients repeat their heads octet by octet; so many are known at a time."""

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[\t\x20-\x7e]*")
_UNUSUAL = frozenset(
    {b"connection", b"content-length", b"expect", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
_TARGET = re.compile(rb"/[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)*")


def doors(routes: Iterable[BaseRoute]) -> dict[bytes, Door]:
    """What answers straight, by the first segment of the path."""
    mounted: dict[str, object] = {one.path: one.app for one in routes if isinstance(one, Mount)}
    return {
        path.strip("/").encode(): app.straight for path, app in mounted.items() if isinstance(app, Straight)
    }


def protocol(doors: Mapping[bytes, Door]) -> type["StraightProtocol"]:
    """For `uvicorn.Config(http=…)`."""
    return type("Protocol", (StraightProtocol,), {"doors": doors, "keys": {}})


class StraightProtocol(OneWrite):
    """A connection. At most one question of it is being answered; what comes meanwhile waits."""

    doors: Mapping[bytes, Door]
    keys: dict[bytes, str]  # the API key that a head has

    _asked: bytes | None = None  # the question that is being answered straight
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
        """Ask, if it is a question; whether it will be answered."""
        end = data.find(VERSION, len(GET), MOST_OCTETS)
        if end < 0 or not data.startswith(GET):
            return False
        target, head = data[len(GET) : end], data[end + len(VERSION) :]
        door = self.doors.get(target[1 : target.find(b"/", 1)])
        key = self.keys.get(head) or self._key_of(head)
        if door is None or key is None or not _TARGET.fullmatch(target):
            return False
        self._asked = data
        if not door(target.decode(), key, self._answered):
            self._asked = None
            return False
        return True

    def _key_of(self, head: bytes) -> str | None:
        """The API key of a head, for the next time too; None if it has none, or is an unusual one."""
        key = key_of(head) if len(head) <= MOST_OCTETS else None
        if key is not None:
            if len(self.keys) >= HEADS_KNOWN:
                self.keys.clear()
            self.keys[head] = key
        return key

    def _answered(self, body: bytes | None) -> None:
        """Send it; without one, have uvicorn ask."""
        data, self._asked = self._asked, None
        if data is None or self.transport.is_closing():
            return
        if body is None:
            super().data_received(data)
            if self._stopping:
                super().shutdown()
        else:
            self._send(body)
        if self._later:
            later, self._later = self._later, b""
            self.flow.resume_reading()
            self.data_received(later)

    def _send(self, body: bytes) -> None:
        server, own = self.server_state, type(self)
        if server.default_headers is not own._default_headers:
            own._default_headers, own._start = server.default_headers, _start(server.default_headers)
        server.total_requests += 1
        end = b"\r\nconnection: close\r\n\r\n" if self._stopping else b"\r\n\r\n"
        self.transport.write(b"%b%d%b%b" % (own._start, len(body), end, body))
        if self._stopping:
            self.transport.close()
            return
        self._quiet_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._keep_alive_for(self.timeout_keep_alive)

    def _keep_alive_for(self, rest_s: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(rest_s, self.timeout_keep_alive_handler)


def key_of(head: bytes) -> str | None:
    """The API key in the header fields of a request without a body, which end in an empty line; else None."""
    lines = head.split(b"\r\n")
    if len(lines) < 3 or lines[-2:] != [b"", b""]:
        return None
    found: str | None = None
    for line in lines[:-2]:
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            return None
        name = name.lower()
        if name in _UNUSUAL and (name, value.strip().lower()) != (b"connection", b"keep-alive"):
            return None
        if name == b"x-api-key" and found is None:
            found = value.decode().strip()
    return found or None


def _start(default_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    fields = b"".join(b"%b: %b\r\n" % one for one in default_headers)
    return b"HTTP/1.1 200 OK\r\n%bcontent-type: application/json\r\ncontent-length: " % fields
