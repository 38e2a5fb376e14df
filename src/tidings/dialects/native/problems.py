"""Errors as RFC 9457 problem details."""

from http import HTTPStatus

import msgspec
from starlette.responses import Response

TYPE = "application/problem+json"


class _Details(msgspec.Struct, omit_defaults=True):
    title: str
    status: int
    detail: str = ""
    field: str = ""
    type: str = "about:blank"


class Problem(Exception):
    """An answer other than success. `field` names the member of the request that is at fault."""

    def __init__(self, status: HTTPStatus, detail: str = "", *, field: str = "") -> None:
        super().__init__(detail)
        self.status, self.detail, self.field = status, detail, field

    def answer(self) -> Response:
        """The problem as an HTTP answer."""
        details = _Details(self.status.phrase, self.status, self.detail, self.field)
        headers = {"Retry-After": "1"} if self.status is HTTPStatus.SERVICE_UNAVAILABLE else None
        return Response(
            msgspec.json.encode(details), status_code=self.status, media_type=TYPE, headers=headers
        )
