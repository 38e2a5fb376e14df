"""`make faults`: many messages through real processes and a carrier that does everything wrong, with kill -9 in the
middle; then the faults end, time passes, and both sides' books are compared. The last line says how it went.

FAULTS_N: how many messages (50,000). FAULTS_SEED: of the faults and of what is sent (a new one each time).
"""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from customer import ordinary
from plant import Account, Plant, Served, Smsc, _tree, until
from reckoning import MESSAGES, ORPHANS, Carrier, Tally, reckon, with_evidence

from tidings.store.invariants import check, ended

ASK_AGAIN_S = 0.2  # a gateway that is away, or has no time
LOOK_AGAIN_S = 0.5  # until everything is final
MANY = int(os.environ.get("FAULTS_N", "50000"))
SEED = int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(1 << 31))
LONG_SHARE = 0.1
SINGLES = 0.9  # of requests: most of them are single messages, most messages come in campaigns
BULK = 250
BULK_LONG = 25
SENDERS = 2  # requests at one time
HURRY = 20.0  # the script's seconds in one of ours
VALIDITY_S = 120 + MANY // 300
GRACE_S = 10
ENDS_WITHIN_S = VALIDITY_S + GRACE_S + 120
COURIER_DIES = (0.25, 0.75)  # when so much of all is sent
EVERYTHING_DIES = (0.5,)
STILL_OPEN = """
select (select count(*) from message) - (select count(*) from delivery where state >= 'delivered')"""

SETTINGS = {
    "TIDINGS_COURIER__DOUBT_WAIT_S": "8",
    "TIDINGS_COURIER__RECEIPT_GRACE_S": str(GRACE_S),
    "TIDINGS_CLERK__SWEEP_S": "1",
    "TIDINGS_LOG__LEVEL": "warning",
}
CONNECTOR = {
    "window": 50,
    "binds": 2,
    "answer-timeout": 2,
    "late-answer": 6,
    "enquire-idle": 2,
    "enquire-within": 1,
    "reconnect-min": 0.2,
    "reconnect-max": 1,
    "refused-wait": 1,
}

SHORT = "Your order has left us. It comes today."
LONG = "It is a long way to go, and nobody knows how long it takes. " * 5  # two parts


class Request:
    """What is sent at once: a campaign, or one message."""

    def __init__(self, first: int, numbers: list[int], text: str) -> None:
        self.references = [f"f{first + n}" for n in range(len(numbers))]
        self._numbers, self._text = numbers, text

    def send(self, http: httpx.Client, account: Account, bearer: str) -> httpx.Response:
        if len(self._numbers) == 1:
            body: dict[str, Any] = {
                "to": str(self._numbers[0]),
                "sender": "BSG",
                "text": self._text,
                "reference": self.references[0],
                "validity_s": VALIDITY_S,
            }
            return http.post("/v1/messages", json=body, headers={"X-API-KEY": account.key})
        phones = [
            {"number": number, "reference_id": reference}
            for number, reference in zip(self._numbers, self.references, strict=True)
        ]
        body = {"phones": phones, "sender": "BSG", "text": self._text, "validity_seconds": VALIDITY_S}
        return http.post("/api/campaigns/sms/send", json=body, headers={"Authorization": f"Bearer {bearer}"})


class Sending:
    """All requests, each until it is answered; who was promised what."""

    def __init__(self, plant: Plant, account: Account) -> None:
        self._plant, self._account = plant, account
        self._http = httpx.Client(base_url=plant.served.url, timeout=60)
        self.promised: set[str] = set()
        self.unsure: set[str] = set()
        self._bearer = ""

    def one(self, request: Request) -> None:
        """Send it until it is answered. What is there already was taken when its answer was lost."""
        deadline = time.monotonic() + 120
        while True:
            try:
                answer = request.send(self._http, self._account, self._bearer or self.login())
            except httpx.TransportError:
                self.unsure.update(request.references)
                assert time.monotonic() < deadline, "the gateway comes back"
                time.sleep(ASK_AGAIN_S)
                continue
            if answer.status_code == 401:
                self.login()
            elif answer.status_code in {503, 500}:
                self.unsure.update(request.references)
                time.sleep(ASK_AGAIN_S)
            else:
                there = answer.status_code in {409, 422} and self.unsure.issuperset(request.references)
                assert answer.is_success or there, (answer.status_code, answer.text)
                self.promised.update(request.references)
                return

    def login(self) -> str:
        answer = self._http.post("/api/auth/login", json={"api_key": self._account.key})
        self._bearer = answer.json()["bearer"]
        return self._bearer


def requests(dice: random.Random) -> Iterator[Request]:
    """MANY messages: campaigns, and some alone; as many long ones as there are to be."""
    numbers = ordinary(MANY)
    at = long = 0
    while at < MANY:
        is_long = long < LONG_SHARE * at
        alone = dice.random() < SINGLES
        size = min(MANY - at, 1 if alone else BULK_LONG if is_long else BULK)
        yield Request(at, numbers[at : at + size], LONG if is_long else SHORT)
        at += size
        long += size * is_long


def run(directory: Path) -> Tally:
    directory.chmod(0o755)
    smsc = Smsc(
        directory,
        *("--script", "everything", "--seed", str(SEED), "--hurry", str(HURRY)),
        *("--resend-after", "3", "--retry-after", "0.5"),
    )
    served = Served(directory, SETTINGS)
    try:
        served.start()
        plant = Plant(directory, smsc, served)
        account = joined(plant)
        sending = Sending(plant, account)
        began = time.monotonic()
        send(sending, plant)
        say(f"{MANY} sent in {time.monotonic() - began:.0f} s")
        drained(plant)
        say(
            f"handed over after {time.monotonic() - began:.0f} s, {MANY / (time.monotonic() - began):.0f} a second"
        )
        os.kill(smsc._process.pid, signal.SIGUSR1)
        calm(plant)
        say(f"all ended after {time.monotonic() - began:.0f} s")
        return compared(plant, sending)
    finally:
        served.stop()
        smsc.stop()


def joined(plant: Plant) -> Account:
    """The simulated SMSC is the carrier, and there is a customer with money."""
    smsc = plant.smsc
    plant.cli(
        *("connector", "add", "simulator", "--simulator", "--receipt-class", "handset", "--err-is-map"),
        *("--host", smsc.host, "--port", str(smsc.port), "--system-id", smsc.system_id),
        *("--password-file", str(smsc.password_file)),
        *(word for name, value in CONNECTOR.items() for word in (f"--{name}", str(value))),
    )
    plant.cli("route", "add", "--connector", "simulator")
    return plant.account("faults", balance="100000")


def send(sending: Sending, plant: Plant) -> None:
    """Everything, with deaths at their times."""
    sending.login()
    deaths = sorted([(at, kill_courier) for at in COURIER_DIES] + [(at, kill_all) for at in EVERYTHING_DIES])
    dice = random.Random(SEED)
    sent = 0
    with ThreadPoolExecutor(SENDERS) as pool:
        running = []
        for request in requests(dice):
            running.append(pool.submit(sending.one, request))
            sent += len(request.references)
            while len(running) >= SENDERS:
                running.pop(0).result()
            if deaths and sent > MANY * deaths[0][0]:
                until(lambda: busy(plant), within_s=60, what="something is on its way")
                deaths.pop(0)[1](plant)
        for one in running:
            one.result()


def busy(plant: Plant) -> bool:
    """Whether submissions are under way."""
    return bool(plant.sql("select 1 from in_flight where doubt_since is null limit 1"))


def kill_courier(plant: Plant) -> None:
    """kill -9 of the courier alone."""
    root = plant.served._process
    assert root is not None
    [pid] = [pid for pid in _tree(root.pid) if "courier" in command_of(pid)]
    os.kill(pid, signal.SIGKILL)
    say("killed the courier")


def command_of(pid: int) -> list[str]:
    """The command line of a process; nothing if it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return []


def kill_all(plant: Plant) -> None:
    """kill -9 of everything but the carrier."""
    say(f"killed {plant.served.kill()} processes")
    plant.served.start()


def drained(plant: Plant) -> None:
    """Everything that can go out has gone out, and the carrier has told what it tells soon."""
    until(
        lambda: not plant.sql("select 1 from outbox where due_at < now() + interval '1 second' limit 1"),
        within_s=ENDS_WITHIN_S,
        what="the queue is empty",
    )


def calm(plant: Plant) -> None:
    """No more faults: everything ends, and the carrier is heard to the end."""

    def over() -> bool:
        time.sleep(LOOK_AGAIN_S)
        still_open = plant.sql(STILL_OPEN)[0][0]
        return not still_open and not plant.smsc.truth().unsettled()

    until(over, within_s=ENDS_WITHIN_S, what=lambda: f"all ends: {standings(plant)}")


def standings(plant: Plant) -> str:
    rows = plant.sql(
        "select coalesce(state::text, 'queued') as state, reason, count(*) as many"
        " from message m left join delivery d on d.account_id = m.account_id and d.message_id = m.id"
        " group by 1, 2 order by 3 desc"
    )
    return ", ".join(f"{row['state']} {row['reason'] or ''} {row['many']}" for row in rows)


def compared(plant: Plant, sending: Sending) -> Tally:
    """The reckoning, and the promises that need no carrier."""
    carrier = Carrier.of(plant.smsc._state)
    tally = reckon(
        with_evidence(plant.sql(MESSAGES), plant.evidence()),
        plant.sql(ORPHANS),
        carrier,
        promised=sending.promised,
        unsure=sending.unsure,
    )
    tally.wrong += [str(one) for one in asyncio.run(broken(plant.served.database_url))]
    say(f"gateway: {standings(plant)}")
    say(f"carrier: {carrier.truth.summary()}")
    say(f"faults: {carrier.truth.faults()}")
    say(f"withheld from the gateway: an answer or a receipt of {tally.withheld} messages")
    return tally


async def broken(url: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return [*await check(connection), *await ended(connection)]
    finally:
        await connection.close()


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    say(f"FAULTS_N={MANY} FAULTS_SEED={SEED}")
    began = time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="tidings-faults-", dir="/tmp"))
    try:
        tally = run(directory)
    finally:
        if os.environ.get("FAULTS_KEEP"):
            say(f"kept {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    for one in tally.wrong[:20]:
        say(f"WRONG {one}")
    if len(tally.wrong) > 20:
        say(f"and {len(tally.wrong) - 20} more")
    say(f"{time.monotonic() - began:.0f} s")
    say(tally.line())
    return 0 if tally.holds else 1


if __name__ == "__main__":
    raise SystemExit(main())
