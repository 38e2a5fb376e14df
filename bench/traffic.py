"""What customers send and ask, as requests ready to be written: BSG REST v1 for messages, Infobip for reports."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count as count_from
from urllib.parse import quote

CODES = ("38050", "38067", "38093", "4915", "4477", "33612", "39347", "1212", "1415", "7903")
CODE_TO = "48601"  # a code that no other message goes to
DIGITS = 12  # of every number
SENDER = "Tidings"
TAILS = 9_900  # the simulated SMSC gives endings from 9902 on another meaning
STRIDE = 7_368_787  # a prime: numbers jump about, and none comes twice before all have come

Row = dict[str, str]


class Customer:
    """One customer's requests. Numbers, texts and references differ from request to request.

    Texts have 60 characters of the GSM alphabet, so that a message is one part.
    """

    def __init__(self, key: str, *, account_id: int) -> None:
        self.account_id = account_id
        self.key = key
        self._made = 0
        self._token = ""

    def singles(self, count: int, *, callback_url: str | None = None) -> list[bytes]:
        """`count` messages, one request each; called back to that URL, if there is one."""
        more = {"callback_url": callback_url} if callback_url else {}
        return [
            self._create({"destination": "phone", **row, **_words(row), **more}) for row in self._rows(count)
        ]

    def wanted(self, count: int) -> Iterator[Row]:
        """`count` messages for a gateway of another kind; numbers have their country code and no plus."""
        for row in self._rows(count):
            words = str(_words(row)["body"])
            yield {"from": SENDER, "to": row["msisdn"], "text": words, "reference": row["reference"]}

    def bulks(self, sizes: Sequence[int]) -> list[bytes]:
        """A request for each of so many recipients, who all get the same text."""
        return [
            self._create({"destination": "phones", "phones": rows, **_words(rows[0])})
            for rows in ([*self._rows(size)] for size in sizes)
        ]

    def codes(self) -> Iterator[tuple[bytes, bytes]]:
        """One-time codes without end, each a request of its own to a number of its own, by that number."""
        for made in count_from(self._made):
            self._made = made + 1
            number = f"{CODE_TO}{made % TAILS:07d}"
            words = {"originator": SENDER, "body": "Your code is {gen_otp_09,6}."}
            yield number.encode(), self._create({"destination": "otp", "msisdn": number, **words})

    def questions(self, paths: Sequence[str]) -> list[bytes]:
        """A GET of each path."""
        return [self._get(path, f"X-API-KEY: {self.key}") for path in paths]

    async def log_in(self, port: int) -> None:
        """Get a token for lists of messages."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = json.dumps({"api_key": self.key}).encode()
        head = f"POST /api/auth/login HTTP/1.1\r\nHost: tidings\r\nContent-Length: {len(body)}\r\nConnection: close"
        writer.write(head.encode() + b"\r\n\r\n" + body)
        answer = await reader.read()
        writer.close()
        self._token = json.loads(answer.partition(b"\r\n\r\n")[2])["bearer"]

    def pages(self, queries: Sequence[str]) -> list[bytes]:
        """A list of messages for each query, in the BSG One API; `log_in` first."""
        return [
            self._get(f"/api/messages?{quote(query, safe='=&')}", f"Authorization: Bearer {self._token}")
            for query in queries
        ]

    def pull(self, limit: int) -> bytes:
        """Fetch up to `limit` reports that nobody was given yet."""
        return self._get(f"/sms/1/reports?limit={limit}", f"Authorization: App {self.key}")

    def _rows(self, count: int) -> Iterator[Row]:
        for _ in range(count):
            self._made += 1
            yield {"msisdn": self._number(), "reference": f"bench-{self._made:09d}"}

    def _number(self) -> str:
        """A number that no request of this customer had before."""
        code = CODES[self._made % len(CODES)]
        middles = 10 ** (DIGITS - len(code) - 4)
        middle, tail = divmod(self._made * STRIDE % (middles * TAILS), TAILS)
        return f"{code}{middle:0{DIGITS - len(code) - 4}d}{tail:04d}"

    def _create(self, content: dict[str, object]) -> bytes:
        body = json.dumps(content, separators=(",", ":")).encode()
        head = (
            "POST /rest/sms/create HTTP/1.1\r\nHost: tidings\r\nContent-Type: application/json\r\n"
            f"X-API-KEY: {self.key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def _get(self, path: str, credentials: str) -> bytes:
        return f"GET {path} HTTP/1.1\r\nHost: tidings\r\n{credentials}\r\n\r\n".encode()


def _words(row: Row) -> dict[str, object]:
    """Sender and text; the text differs with the first recipient's reference."""
    text = f"Your order {row['reference']} has left us. It comes today."
    return {"originator": SENDER, "body": text.ljust(60, ".")}


def windows(now: datetime) -> list[str]:
    """Windows of time that somebody may ask for a list of: hours, days, weeks and months, now and long ago."""
    found = []
    for days in (1 / 24, 1, 7, 30, 80):
        for ago in (0, 3, 20):
            end = now - timedelta(days=ago, seconds=1)
            start = end - timedelta(days=days)
            found.append(f"filter[from]={start:%Y-%m-%d %H:%M:%S}&filter[to]={end:%Y-%m-%d %H:%M:%S}")
    return found
