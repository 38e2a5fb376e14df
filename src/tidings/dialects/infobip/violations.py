"""What is wrong with a request, path by path."""

from collections.abc import Iterable

from tidings.dialects.infobip.errors import bad_request

MAX_VIOLATIONS = 50  # of one answer; a body of ten thousand rows can be wrong ten thousand times


class Violations:
    """Collects faults and refuses the request once, with all of them."""

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = {}

    def add(self, path: str, text: str) -> None:
        """Note that `path` is wrong; beyond the bound the note is dropped, the refusal stays."""
        if path in self._found or len(self._found) < MAX_VIOLATIONS:
            self._found.setdefault(path, []).append(text)

    def extend(self, path: str, found: Iterable[tuple[str, str]]) -> None:
        """Note each path and text of `found`, below `path`."""
        for below, text in found:
            self.add(path + below, text)

    def check(self) -> None:
        """400 if anything was noted."""
        if self._found:
            raise bad_request(self._found)
