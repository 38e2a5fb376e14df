"""The one listening socket: bound before anything starts, shared by all api processes."""

import errno
import socket

from tidings.app.config import Http
from tidings.domain.errors import Misconfigured

BACKLOG = 2048
HOST = "http.host (TIDINGS_HTTP__HOST)"
PORT = "http.port (TIDINGS_HTTP__PORT)"


def listen(http: Http) -> socket.socket:
    """Listen where the configuration says. Raises Misconfigured, naming the setting, where that is impossible."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(http.host, http.port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise Misconfigured(f"{HOST}: {http.host!r} is no address: {error.strerror}") from error
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _explained(http, error) from error
    return listener


def base_url(listener: socket.socket) -> str:
    """The address under which a client on this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104  every address of the machine, so also this one
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _explained(http: Http, error: OSError) -> Misconfigured:
    where = f"{http.host}:{http.port}"
    if error.errno == errno.EADDRINUSE:
        return Misconfigured(
            f"{PORT}: another program listens on {where}; choose another port, 0 takes a free one"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return Misconfigured(f"{PORT}: this user may not listen on {where}; choose a port above 1023")
    return Misconfigured(f"{HOST}: cannot listen on {where}: {error.strerror}")
