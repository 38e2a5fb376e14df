"""A child's side of the supervisor: say when ready, and never outlive it.

The supervisor tells a child three things in its environment: TIDINGS_PARENT_PID, the supervisor's process id;
TIDINGS_READY_FD, an open pipe for the one line that says the child is ready (or why it cannot be); and, to
the api, TIDINGS_HTTP_FD, the listening socket. A process that was started by hand has none of them, and all
this does nothing.
"""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable

from tidings.store.lifeline import die_with_parent

PARENT_PID = "TIDINGS_PARENT_PID"
READY_FD = "TIDINGS_READY_FD"
HTTP_FD = "TIDINGS_HTTP_FD"

FAILED = "failed: "  # how the line begins that says why a child cannot be ready
READY_LINE_MAX = 4096
CHECK_EVERY_S = 1.0
EXIT_WITHIN_S = 15.0


def tie_to_parent() -> None:
    """To be called first of all: have the kernel send SIGTERM when the supervisor dies; exit if it is dead already."""
    parent_pid = _parent_pid()
    if parent_pid is not None and not die_with_parent(signal.SIGTERM, parent_pid=parent_pid):
        raise SystemExit(0)


async def watch_parent(on_gone: Callable[[], object], *, exit_within_s: float = EXIT_WITHIN_S) -> None:
    """Call `on_gone` once when the supervisor is gone; if the process then takes too long to stop, end it hard.

    The kernel's signal usually comes first; this is for where there is none, and for a child that hangs in
    its orderly stop because the database went down with the supervisor.
    """
    parent_pid = _parent_pid()
    if parent_pid is None:
        return
    while os.getppid() == parent_pid:  # noqa: ASYNC110  nothing tells of it
        await asyncio.sleep(CHECK_EVERY_S)
    deadline = threading.Timer(exit_within_s, os._exit, [1])
    deadline.daemon = True
    deadline.start()
    on_gone()


def say_ready(payload: str = "ready") -> None:
    """Tell the supervisor that this child works now; `payload` is one line, such as the port it found."""
    _say(payload)


def say_failed(reason: str) -> None:
    """Tell the supervisor why this child cannot work, for it to show; the child then exits."""
    _say(FAILED + reason)


def listening_socket() -> socket.socket | None:
    """The socket that the supervisor listens on for us."""
    number = os.environ.get(HTTP_FD)
    return socket.socket(fileno=int(number)) if number else None


def _say(line: str) -> None:
    number = os.environ.pop(READY_FD, None)
    if number is None:
        return
    with os.fdopen(int(number), "wb") as pipe:
        pipe.write(line.encode()[: READY_LINE_MAX - 1].replace(b"\n", b"\0") + b"\n")


def _parent_pid() -> int | None:
    number = os.environ.get(PARENT_PID)
    return int(number) if number else None
