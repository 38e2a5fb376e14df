"""The error envelopes of this vendor, and the exception that carries one out of a handler."""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import UNSET, UnsetType


class ServiceException(msgspec.Struct, rename="camel"):
    """What went wrong; `validation_errors` names paths of the request, as in `messages[0].destinations`."""

    message_id: str
    text: str
    validation_errors: Mapping[str, Sequence[str]] | UnsetType = UNSET


class RequestError(msgspec.Struct, rename="camel"):
    """The middle of the envelope."""

    service_exception: ServiceException


class Envelope(msgspec.Struct, rename="camel"):
    """Every error below /sms/1 and /sms/2."""

    request_error: RequestError


class EnvelopeV3(msgspec.Struct, rename="camel"):
    """Every error below /sms/3; its clients want all five keys."""

    error_code: str
    description: str
    action: str
    violations: list[dict[str, str]] = []
    resources: list[dict[str, str]] = []


class ApiError(Exception):
    """An answer other than 200."""

    def __init__(
        self, status: int, body: Envelope | EnvelopeV3, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers or {}


def bad_request(violations: Mapping[str, Sequence[str]] | None = None) -> ApiError:
    """400. Bare, `Bad request`, where there is no path to name."""
    return _legacy(400, "BAD_REQUEST", "Bad request", violations or UNSET)


def unauthorized(*, credentials_given: bool) -> ApiError:
    """401. The published text where nothing usable was given, the observed one where it was not ours."""
    return _legacy(401, "UNAUTHORIZED", "Invalid login details" if credentials_given else "Unauthorized")


def not_found() -> ApiError:
    """404 below /sms/1 and /sms/2."""
    return _legacy(404, "NOT_FOUND", "Not found")


def not_found_v3() -> ApiError:
    """404 below /sms/3. The vendor publishes no text for it; the shape is that of its other errors."""
    action = "Check the method and the path of the request."
    return ApiError(404, EnvelopeV3("E404", "Requested resource not found.", action))


def wrong_verb(allowed: str) -> ApiError:
    """405. The vendor publishes none; the envelope is its own, the code word is ours."""
    return _legacy(405, "METHOD_NOT_ALLOWED", "Method not allowed", headers={"allow": allowed})


def busy() -> ApiError:
    """429: nothing was taken, nothing was handed out; the same request may be tried again."""
    return _legacy(429, "TOO_MANY_REQUESTS", "Too many requests", headers={"retry-after": "1"})


def internal() -> ApiError:
    """500."""
    return _legacy(500, "GENERAL_ERROR", "Something went wrong. Please contact support.")


def _legacy(
    status: int,
    code: str,
    text: str,
    violations: Mapping[str, Sequence[str]] | UnsetType = UNSET,
    headers: Mapping[str, str] | None = None,
) -> ApiError:
    return ApiError(status, Envelope(RequestError(ServiceException(code, text, violations))), headers)
