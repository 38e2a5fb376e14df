"""Answers that are not a success: three shapes, and when each is used.

    422 of a property   {"message": "The given data was invalid.", "errors": {"<flattened path>": ["text"]}}
    422 of the whole    {"message": "...", "errors": []}
    404                 {"message": "..."}
    anything else       {"code": <HTTP status>, "message": "..."}

A path is flattened by dropping brackets and dots: `phones[0].number` is `phones0number`.
"""

import re

import msgspec
from starlette.responses import Response

INVALID_DATA = "The given data was invalid."
_PUNCTUATION = re.compile(r"[^A-Za-z0-9_]+")

Errors = dict[str, list[str]]
"""Flattened path -> texts."""


class _Refused(msgspec.Struct):
    message: str
    errors: Errors | list[str]


class _Coded(msgspec.Struct):
    code: int
    message: str


class _Missing(msgspec.Struct):
    message: str


class Problem(Exception):
    """An answer other than success, raised from wherever it is noticed."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Errors | list[str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.errors, self.headers = status, message, errors, headers

    def response(self) -> Response:
        """The answer on the wire."""
        body = msgspec.json.encode(self._body())
        return Response(body, self.status, headers=self.headers, media_type="application/json")

    def _body(self) -> msgspec.Struct:
        if self.errors is not None:
            return _Refused(self.message, self.errors)
        return _Missing(self.message) if self.status == 404 else _Coded(self.status, self.message)


class Violations:
    """What is wrong with a request, gathered so that the customer hears all of it at once."""

    def __init__(self) -> None:
        self._errors: Errors = {}

    def add(self, path: str, text: str) -> None:
        """Note one fault of the property at `path`."""
        self._errors.setdefault(flat(path), []).append(text)

    def settle(self) -> None:
        """Raise the validation answer if anything was noted."""
        if self._errors:
            raise Problem(422, INVALID_DATA, errors=self._errors)


def flat(path: str) -> str:
    """A property path as the vendor keys its errors."""
    return _PUNCTUATION.sub("", path)


def invalid(path: str, text: str) -> Problem:
    """The validation answer for a single fault."""
    return Problem(422, INVALID_DATA, errors={flat(path): [text]})


def unauthorised(message: str) -> Problem:
    """Who asks is not known, or no longer."""
    return Problem(401, message, headers={"WWW-Authenticate": "Bearer"})
