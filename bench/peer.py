"""Another gateway under the same load: its HTTP send API before, the same simulated SMSC and callbacks behind.

What is asked of it is what `end_to_end_single` asks of Tidings: one request a message on kept connections, until
the customer's server was called back with the final status of the last one.
"""

import argparse
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

from bench.load import BadRun, converse
from bench.processes import Meter, Usage
from bench.results import Results, Sample
from bench.sink import GIVE_UP_S, Sink
from bench.sizes import Sizes
from bench.stand import RECEIPTS_UNANSWERED, TIDINGS, free_port
from bench.traffic import Customer, Row

SMSC_PORT = 2775
BIND_WITHIN_S = 120.0

HELP = """\
Puts the load of end_to_end_single and the simulated SMSC around another gateway, which has to be installed and
running, and adds the rows peer_single, peer_cpu_s_per_1000 (with --peer-pid) and to_peer (Tidings by peer).
Configure it to bind to 127.0.0.1 at --peer-smsc-port as a transceiver, system_id tidings, password sandbox.

In --peer, --peer-body and --peer-callback these are filled in for each message: {from} {to} {text} {reference}
and, in the first two, {callback}: the URL that --peer-callback makes. In the URL they are percent-encoded, in the
body escaped as in a JSON string. In --peer-final and --peer-id are regular expressions, looked for in the whole
callback, head and body; the first group of --peer-id is what tells one message from another.

Kannel, whose dlr-url has escapes of its own:
  python -m bench end_to_end_single \\
    --peer 'http://127.0.0.1:13013/cgi-bin/sendsms?username=u&password=p&from={from}&to={to}&text={text}\
&dlr-mask=3&dlr-url={callback}' \\
    --peer-callback '/dlr?ref={reference}&status=%d' --peer-final 'status=1[& ]' \\
    --peer-success '^[03]: ' --peer-pid $(pidof bearerbox) --peer-pid $(pidof smsbox)

Jasmin, which wants each callback answered with a word:
  python -m bench end_to_end_single \\
    --peer 'http://127.0.0.1:1401/send?username=u&password=p&from={from}&to={to}&content={text}\
&dlr=yes&dlr-level=2&dlr-method=GET&dlr-url={callback}' \\
    --peer-callback '/dlr?ref={reference}' --peer-final 'message_status=DELIVRD' \\
    --peer-success '^Success' --peer-ack 'ACK/Jasmin'
"""


@dataclass(frozen=True)  # no slots: those would hide the defaults, which add_arguments reads off the class
class Peer:
    """How another gateway is spoken to."""

    url: str
    success: str
    body: str = ""  # of a POST; without one it is a GET
    headers: tuple[str, ...] = ()
    callback: str = "/dlr?ref={reference}"
    final: str = "DELIVRD"
    id: str = r"ref=([\w.-]+)"
    ack: str = "ok"
    smsc_port: int = SMSC_PORT
    pids: tuple[int, ...] = ()

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(self.url).port or 80

    @property
    def host(self) -> str:
        """On which machine: the same one, or the figures mean nothing."""
        return urlsplit(self.url).hostname or "127.0.0.1"

    def request(self, wanted: Row, *, sink_port: int) -> bytes:
        """One message, ready to be written."""
        callback = (
            f"http://127.0.0.1:{sink_port}{_filled(self.callback, wanted, lambda it: quote(it, safe=''))}"
        )
        fields = {**wanted, "callback": callback}
        parts = urlsplit(_filled(self.url, fields, lambda it: quote(it, safe="")))
        body = _filled(self.body, fields, lambda it: json.dumps(it)[1:-1]).encode()
        lines = [
            f"{'POST' if body else 'GET'} {parts.path or '/'}{'?' if parts.query else ''}{parts.query} HTTP/1.1",
            f"Host: {parts.netloc}",
            *self.headers,
            *([f"Content-Length: {len(body)}"] if body else []),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of --peer."""
    group = parser.add_argument_group("another gateway", HELP)
    group.add_argument("--peer", metavar="URL", help="its send API, a template")
    group.add_argument("--peer-success", metavar="RE", help="what a good answer's body has")
    group.add_argument(
        "--peer-body", metavar="TEMPLATE", default=Peer.body, help="POST this instead of a GET"
    )
    group.add_argument("--peer-header", metavar="LINE", action="append", default=[], help="of each request")
    group.add_argument(
        "--peer-callback", metavar="TEMPLATE", default=Peer.callback, help="path it calls back"
    )
    group.add_argument("--peer-final", metavar="RE", default=Peer.final, help="what a final callback has")
    group.add_argument("--peer-id", metavar="RE", default=Peer.id, help="whom a callback is about")
    group.add_argument("--peer-ack", metavar="TEXT", default=Peer.ack, help="answer to each callback")
    group.add_argument("--peer-smsc-port", metavar="PORT", type=int, default=SMSC_PORT)
    group.add_argument(
        "--peer-pid", metavar="PID", type=int, action="append", default=[], help="counts its CPU"
    )
    group.add_argument(
        "--peer-self-test", action="store_true", help="try all this with Tidings as the other gateway"
    )


def peer_of(asked: argparse.Namespace) -> Peer | None:
    """The other gateway that was asked for. Raises ValueError where something cannot be."""
    if not asked.peer:
        return None
    if not asked.peer_success:
        raise ValueError("--peer needs --peer-success: what the body of a good answer has")
    for pattern in (asked.peer_success, asked.peer_final, asked.peer_id):
        re.compile(pattern)
    if re.compile(asked.peer_id).groups < 1:
        raise ValueError("--peer-id needs a group")
    return Peer(
        url=asked.peer,
        success=asked.peer_success,
        body=asked.peer_body,
        headers=tuple(asked.peer_header),
        callback=asked.peer_callback,
        final=asked.peer_final,
        id=asked.peer_id,
        ack=asked.peer_ack,
        smsc_port=asked.peer_smsc_port,
        pids=tuple(asked.peer_pid),
    )


class PeerBench:
    """Measures one other gateway. The simulated SMSC runs already, and its process is `simulator_pid`."""

    def __init__(self, peer: Peer, *, sizes: Sizes, simulator_pid: int) -> None:
        self._peer = peer
        self._sizes = sizes
        self._success = re.compile(peer.success.encode())
        self._meter = Meter(gateway_pids=peer.pids, simulator_pid=simulator_pid)
        self._sink = Sink(
            id=re.compile(peer.id.encode()), final=re.compile(peer.final.encode()), says=peer.ack
        )
        self._sink_port = free_port()
        self._customer = Customer("", account_id=0)

    async def measure(self, results: Results, *, tell: Callable[[str], None]) -> None:
        """Note its rows. Raises BadRun if an answer is not a good one, or a callback does not come."""
        await self._sink.open(self._sink_port)
        try:
            tell("the other gateway: the first message")
            await self._deliver(1, within_s=BIND_WITHIN_S)
            await self._deliver(self._sizes.warm_up)
            for turn in range(1, self._sizes.runs + 1):
                tell(f"run {turn} of {self._sizes.runs}: the other gateway")
                self._note(results, await self._deliver(self._sizes.singles))
        finally:
            await self._sink.close()

    async def _deliver(self, count: int, *, within_s: float = GIVE_UP_S) -> Sample:
        """`count` messages from the first request to the last callback."""
        requests = iter([
            self._peer.request(one, sink_port=self._sink_port) for one in self._customer.wanted(count)
        ])  # fmt: skip
        self._sink.forget()
        bad: list[bytes] = []

        def answered(body: bytes, _took_s: float) -> None:
            if not self._success.search(body):
                bad.append(bytes(body[:300]))

        began: list[Usage] = []
        connections = min(count, self._sizes.connections)
        await converse(
            lambda: next(requests, None), answered,
            host=self._peer.host, port=self._peer.port, connections=connections,
            connected=lambda: began.append(self._meter.read()),
        )  # fmt: skip
        if bad:
            raise BadRun(f"the other gateway answered {len(bad)} of {count} otherwise: {bad[:3]}")
        await self._sink.all_told(count, within_s=within_s)
        usage = self._meter.read().minus(began[0])
        return Sample(count / usage.elapsed_s, count, usage)

    def _note(self, results: Results, done: Sample) -> None:
        if not self._peer.pids:  # then nobody knows what it cost
            results.note("peer_single", Sample(done.value))
            return
        assert done.usage is not None
        results.note("peer_single", done)
        cost_s = 1_000 * done.usage.product_s / done.count
        results.note("peer_cpu_s_per_1000", replace(done, value=cost_s))


@contextmanager
def simulated_smsc(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The simulated SMSC of the bench on a port that the other gateway knows; its process."""
    window = ("--deliver-window", str(RECEIPTS_UNANSWERED))
    process = subprocess.Popen(
        [TIDINGS, "sim", "smsc", "--port", str(port), "--json", *window], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise BadRun(f"the simulated SMSC does not start on port {port}")
        yield process
    finally:
        process.terminate()
        process.wait()


def _filled(template: str, fields: dict[str, str], encoded: Callable[[str], str]) -> str:
    for name, value in fields.items():
        template = template.replace("{" + name + "}", encoded(value))
    return template
