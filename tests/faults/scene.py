"""The gateway and a simulated SMSC with a fault script, joined over TCP in one process: a courier as it runs in
production, on a real database. The clock moves only while something is waited for, or when told."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from world import Customer, World, open_world

from tidings.app.config import Config
from tidings.app.config import Courier as CourierConfig
from tidings.app.courier import Courier
from tidings.connectors.sandbox.script import read_script
from tidings.connectors.sandbox.settings import PASSWORD, IdForm, Settings
from tidings.connectors.sandbox.smsc import SimulatedSmsc
from tidings.domain.delivery import Flag
from tidings.domain.evidence import Evidence, Kind
from tidings.domain.message import Standing
from tidings.domain.replay import replay
from tidings.domain.status import FINAL, State
from tidings.store.invariants import check

WITHIN_S = 15.0
POLL_S = 0.01
FASTER = 10  # how much faster than ours the world's clock goes while something is waited for
HOUR_S = 3600

SHORT = {
    "answer_timeout_s": 5.0,
    "late_answer_s": 10.0,
    "reconnect_min_s": 0.05,
    "reconnect_max_s": 0.1,
    "refused_wait_s": 0.05,
    "unbind_within_s": 0.5,
    "receipt_class": "handset",
    "err_is_map": True,
    "window": 100,
}

Fact = TypeVar("Fact")


class Scene:
    """See the module."""

    def __init__(self, world: World, smsc: SimulatedSmsc) -> None:
        self.world, self.smsc = world, smsc
        self._numbers: dict[int, tuple[Customer, str]] = {}  # of each message: whose, and where to

    async def send(
        self, number: str, text: str = "Hi", *, by: Customer | None = None, hours: int = 72, **more: object
    ) -> int:
        """Send to a number; the message's id."""
        customer = by or self.world.customer
        answer = await self.world.http.post(
            "/rest/sms/create",
            headers={"X-API-KEY": customer.key},
            json={
                "destination": "phone",
                "msisdn": number,
                "originator": "BSG",
                "body": text,
                "validity": hours,
                **more,
            },
        )
        assert answer.json()["error"] == 0, answer.text
        message_id = int(answer.json()["result"]["id"])
        self._numbers[message_id] = customer, number
        return message_id

    async def send_all(self, numbers: Sequence[str], text: str = "Hi") -> list[int]:
        return [await self.send(number, text) for number in numbers]

    async def until(self, fact: Callable[[], Awaitable[Fact]], what: str) -> Fact:
        """Ask again and again until the answer is true; that answer."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while not (found := await fact()):
                    await asyncio.sleep(POLL_S)
                    self.world.clock.advance(POLL_S * FASTER)
                return found
        except TimeoutError:
            raise AssertionError(f"never: {what}; {await self._stories()}") from None

    async def passes(self, seconds: float) -> None:
        """So much time passes, and what is due by then is done."""
        self.world.clock.advance(seconds)
        await self.world.sweep()

    async def standing(self, message_id: int) -> Standing:
        customer, _ = self._numbers[message_id]
        found = await self.world.gateway.message(customer.account_id, message_id)
        assert found is not None
        return found.standing

    async def ends(self, message_id: int) -> State:
        """Wait for a final state."""

        async def final() -> State | None:
            state = (await self.standing(message_id)).state
            return state if state in FINAL else None

        state = await self.until(final, f"message {message_id} ends")
        assert state is not None
        return state

    async def becomes(self, message_id: int, state: State) -> None:
        async def so() -> bool:
            return (await self.standing(message_id)).state is state

        await self.until(so, f"message {message_id} is {state}")

    async def log(self, message_id: int) -> list[Evidence]:
        customer, _ = self._numbers[message_id]
        return await self.world.gateway.timeline(customer.account_id, message_id)

    async def kinds(self, message_id: int) -> list[Kind]:
        return [one.kind for one in await self.log(message_id)]

    async def happens(self, message_id: int, kind: Kind, times: int = 1) -> None:
        async def so() -> bool:
            return (await self.kinds(message_id)).count(kind) >= times

        await self.until(so, f"{kind} x {times} of message {message_id}")

    async def flags(self, message_id: int) -> set[Flag]:
        customer, _ = self._numbers[message_id]
        log = await self.log(message_id)
        return set(replay(log, account_id=customer.account_id, message_id=message_id).flags)

    async def words(self, message_id: int) -> list[str]:
        """What receipts said of it, in the order of hearing."""
        return [(one.word or "").split()[0] for one in await self.log(message_id) if one.kind is Kind.RECEIPT]

    async def reports(self, message_id: int) -> list[str]:
        """The states that the customer is owed a report of."""
        rows = await self.world.sql.fetch(
            "select state from report where message_id = $1 order by number", message_id
        )
        return [row["state"] for row in rows]

    async def told(self) -> None:
        """Wait until the SMSC has told everything that it ever will, and every word of it was acknowledged."""

        async def so() -> bool:
            return not self.smsc.truth.unsettled()

        await self.until(so, "the SMSC is heard to the end")

    async def orphans(self) -> int:
        count: int = await self.world.sql.fetchval("select count(*) from orphan")
        return count

    async def balances(self) -> None:
        """Both sides tell the same story: what was taken and said there was written, answered and heard here."""
        await self.told()
        orphans = await self.orphans()
        heard = 0
        for message_id, (_, number) in self._numbers.items():
            log = await self.log(message_id)
            taken = self.smsc.truth.to(number)
            written = sum((1 if one.part else log[0].parts) for one in log if one.kind is Kind.WRITTEN)
            lost = sum(one.destination.digits == number for one in self.smsc.truth.lost)
            assert written >= len(taken) + lost, f"{number}: taken is only what was written"
            answers = [one for one in log if one.kind is Kind.ANSWERED]
            assert len(answers) == sum(not one.unanswered for one in taken), (
                f"{number}: answers given are heard"
            )
            heard += sum(one.kind is Kind.RECEIPT for one in log)
            # A part in doubt whose receipt came is known, whatever became of its answer.
            if any(len(one.said(acknowledged=True)) for one in taken) and not orphans:
                assert any(one.kind is Kind.RECEIPT for one in log), f"{number}: what was told is heard"
        said = sum(
            len(set(one.took.receipts[: sum(telling.sent > 0 for telling in one.tellings)]))
            for one in self.smsc.truth.messages.values()
        )
        assert heard + orphans == said, "every receipt that was acknowledged is kept, once"
        assert await check(self.world.sql) == []

    async def _stories(self) -> str:
        return "; ".join(
            [
                f"{message_id}: {[str(kind) for kind in await self.kinds(message_id)]}"
                for message_id in self._numbers
            ]
        )


Opener = Callable[..., AbstractAsyncContextManager[Scene]]


@asynccontextmanager
async def staged(
    url: str,
    folder: Path,
    script: str,
    *,
    seed: int = 1,
    hurry: float = 1.0,
    ids: IdForm = IdForm.DECIMAL,
    **connector: Any,
) -> AsyncIterator[Scene]:
    """A scene with a shipped script. `connector`: settings of our side beside the usual short waits."""
    async with open_world(url) as world:
        settings = Settings(
            port=0, receipt_delay_s=0.02, early_by_s=0.1, resend_after_s=1, retry_after_s=0.2, id_form=ids
        )
        smsc = SimulatedSmsc(
            settings,
            script=read_script(script).hurried(hurry),
            seed=seed,
            clock=lambda: world.clock.now().timestamp(),
        )
        async with smsc:
            await _join(world, smsc, folder, connector)
            courier = Courier(
                world.database, Config(courier=CourierConfig(poll_s=0.05, drain_s=1)), world.clock
            )
            random.seed(seed)
            running = asyncio.create_task(courier.run())
            try:
                async with asyncio.timeout(WITHIN_S):
                    await courier.ready.wait()
                yield Scene(world, smsc)
            finally:
                running.cancel()
                await asyncio.wait([running])


async def _join(world: World, smsc: SimulatedSmsc, folder: Path, connector: dict[str, Any]) -> None:
    password = folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    account = {"host": "127.0.0.1", "port": smsc.port, "system_id": "tidings", "password_file": str(password)}
    await world.admin.update_connector(
        "carrier", {**SHORT, **account, **connector}, simulator=True, enabled=True
    )
