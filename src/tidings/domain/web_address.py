"""Where a customer's server is: an http or https URL, taken apart once, with nothing in it that could mislead."""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit
from zlib import crc32

MAX_CHARS = 2048

_FORM = re.compile(r"https?://[!-~]+", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]{0,252}[a-z0-9])?\.?|[0-9a-f:.]{2,45}")
_PORTS = {"http": 80, "https": 443}


class WebAddress(NamedTuple):
    """A parsed URL. `target` is what stands in the request line: path and query; a fragment is left out."""

    secure: bool
    host: str  # lower case; an IPv6 address without brackets
    port: int
    target: str

    @property
    def authority(self) -> str:
        """As the Host header names it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.secure else "http"] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Whom it reaches: everything but the target."""
        return f"{'https' if self.secure else 'http'}://{self.authority}"

    @property
    def lane(self) -> int:
        """A number for the origin, below 2^31. Two origins with one number merely wait for each other."""
        return crc32(self.origin.encode()) & 0x7FFF_FFFF


@lru_cache(maxsize=1024)
def parse(url: str) -> WebAddress | None:
    """The address, or None for what is no plain web URL: another scheme, credentials in it, odd characters."""
    if len(url) > MAX_CHARS or not _FORM.fullmatch(url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    if "@" in parts.netloc or not _HOST.fullmatch(host) or port == 0:
        return None
    scheme = parts.scheme.lower()
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return WebAddress(scheme == "https", host, port or _PORTS[scheme], target)
