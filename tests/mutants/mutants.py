"""Bugs to put in on purpose, and the tests that must notice each of them.

A mutant replaces text that occurs exactly once in a file. When the code moves on and the text is gone, the runner
says so: rewrite the mutant, do not drop it.
"""

from typing import NamedTuple

Edit = tuple[str, str]
"""What is there, and what is put there instead."""


class Mutant(NamedTuple):
    """One bug. Paths are relative to src/tidings; tests to tests/."""

    name: str
    path: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]


LIFECYCLE, PART = "domain/lifecycle.py", "domain/part.py"
STATUS, DOUBT = "domain/status.py", "domain/doubt.py"
ACCEPT, DISPATCH, ANSWERS = "flows/accept.py", "flows/dispatch.py", "flows/answers.py"
RECEIVE, CLOSE, FOLD = "flows/receive.py", "flows/close.py", "flows/fold.py"

MAIN_JOB = "flows/test_main_job.py"
SWEEP = "life/test_sweep.py"
REMEMBERED = "races/test_remembered_accounts.py"
SENDING, RECEIPTS = "races/test_sending_races.py", "races/test_receipt_races.py"

TAKE_OFF = " " * 12 + (
    "await tx.take_off([row for row, _ in rows], courier_id=courier_id, now=now, references=references)\n"
)

MUTANTS = (
    Mutant(
        "a status is not guarded: any claim moves it",
        PART,
        (("if first_copy_taken or never_taken or status.step(", "if True or status.step("),),
        ("unit/test_lifecycle.py",),
    ),
    Mutant(
        "a delivery is folded without its lock",
        "store/deliveries.py",
        (
            (
                "d.message_id = wanted.message_id\n    for no key update)",
                "d.message_id = wanted.message_id)",
            ),
        ),
        (RECEIPTS,),
    ),
    Mutant(
        "a no overwrites a yes",
        STATUS,
        (
            (
                "State.DELIVERED: frozenset({State.READ}),",
                "State.DELIVERED: frozenset({State.READ, *_DOWNSTREAM}),",
            ),
        ),
        ("unit/test_status.py", RECEIPTS),
    ),
    Mutant(
        "the intent to write is not stored",
        DISPATCH,
        ((TAKE_OFF, "            await tx.take_from_outbox([row for row, _ in rows])\n"),),
        (MAIN_JOB,),
    ),
    Mutant(
        "the intent to write is stored after the claim's commit",
        DISPATCH,
        (
            (TAKE_OFF, "            await tx.take_from_outbox([row for row, _ in rows])\n"),
            (
                "        await pause(Point.DISPATCH_COMMITTED)\n",
                "        await pause(Point.DISPATCH_COMMITTED)\n"
                "        async with self._database.transaction() as tx:\n"
                "            await tx.put_in_outbox([row for row, _ in rows])\n"
                "            self._served.clear()\n"
                "            rows = await self._due(tx, room, now=now)\n" + TAKE_OFF,
            ),
        ),
        (SWEEP,),
    ),
    Mutant(
        "the bytes leave before the claim commits",
        DISPATCH,
        (
            (
                "    async def take(self, room: int) -> list[Handover]:\n",
                "    async def take(self, room):\n"
                "        self._written = []\n"
                "        try:\n"
                "            return await self._take(room)\n"
                "        except BaseException:\n"
                "            return self._written\n\n"
                "    async def _take(self, room: int) -> list[Handover]:\n",
            ),
            (
                TAKE_OFF,
                "            self._written = [\n"
                "                self._handover(\n"
                "                    row, content, references.get(row.message_id, row.reference),\n"
                "                    courier_id=courier_id, now=now,\n"
                "                )\n"
                "                for row, content in rows\n"
                "            ]\n" + TAKE_OFF,
            ),
        ),
        (SWEEP,),
    ),
    Mutant(
        "what a dead courier left is sent again without a word",
        CLOSE,
        (
            (
                "            Kind.DOUBT,\n            now,\n            State.IN_DOUBT,\n",
                "            Kind.REQUEUED,\n            now,\n            State.QUEUED,\n",
            ),
            (
                "await tx.doubt_flights([(one, now + self._waits.of(one)) for one in lost], since=now)",
                "await tx.end_flights(lost); await queue_parts(tx, [(one, now) for one in lost], held)",
            ),
        ),
        (SENDING, SWEEP),
    ),
    Mutant(
        "a submission without an answer is simply sent again",
        ANSWERS,
        (
            (
                "Evidence(Kind.DOUBT, answer.at, State.IN_DOUBT, word=outcome.cause)",
                "Evidence(Kind.REQUEUED, answer.at, State.QUEUED, word=outcome.cause)",
            ),
        ),
        (f"{RECEIPTS}::test_a_part_that_has_arrived_is_not_sent_again_while_its_message_is_open",),
    ),
    Mutant(
        "a second copy is not flagged",
        LIFECYCLE,
        (("flags.add(Flag.POSSIBLE_DUPLICATE)", "flags.add(Flag.CORRECTED)"),),
        (MAIN_JOB,),
    ),
    Mutant(
        "a third copy is sent",
        DOUBT,
        (("    if resent_before:\n        return Verdict.HOLD\n", ""),),
        ("unit/test_doubt.py",),
    ),
    Mutant(
        "advertising in doubt is sent again",
        DOUBT,
        (("else Verdict.HOLD", "else Verdict.RESEND"),),
        ("unit/test_doubt.py",),
    ),
    Mutant(
        "a receipt is acknowledged before it is stored",
        "connectors/smpp/intake.py",
        (
            (
                "        self._storing.add(stored)\n",
                "        link.acknowledge([held[0][0]], Status.ESME_ROK)\n        self._storing.add(stored)\n",
            ),
        ),
        ("conformance/test_connector.py",),
    ),
    Mutant(
        "the short way of a receipt does not mind that it contradicts itself",
        "connectors/smpp/ordinary_receipts.py",
        (("        if state is not None and contradicts(word, state[0]):\n            return None\n", ""),),
        ("unit/smpp/test_ordinary.py",),
    ),
    Mutant(
        "an answer is taken for a submission whose octets never left",
        "connectors/smpp/session.py",
        (("            and sequence not in self._unwritten\n", ""),),
        ("unit/smpp/test_session.py",),
    ),
    Mutant(
        "a receipt that matches nothing is acknowledged and not kept",
        RECEIVE,
        (
            (
                "for one in homeless]\n            )\n            await pause(Point.RECEIVE_WRITTEN)",
                "for one in []]\n            )\n            await pause(Point.RECEIVE_WRITTEN)",
            ),
        ),
        (MAIN_JOB,),
    ),
    Mutant(
        "a pull reads, then writes",
        "store/reports.py",
        (("    for no key update of r skip locked)", "    )"),),
        (RECEIPTS,),
    ),
    Mutant(
        "a pull waits for another",
        "store/reports.py",
        (("for no key update of r skip locked)", "for no key update of r)"),),
        (RECEIPTS,),
    ),
    Mutant(
        "a conflict in the ledger is ignored",
        "store/accounts.py",
        (
            (
                "as t (account_id, kind, amount, messages)",
                "as t (account_id, kind, amount, messages)\non conflict do nothing",
            ),
        ),
        ("house/test_house_rules.py::test_the_house_keeps_its_rule[the_ledger_never_shrugs]",),
    ),
    Mutant(
        "a courier waits for what another one claims",
        "store/outbox.py",
        (("    for update skip locked) as o\n", "    for update) as o\n"),),
        (SENDING,),
    ),
    Mutant(
        "two couriers claim the same rows",
        "store/outbox.py",
        (("    for update skip locked) as o\n", "    ) as o\n"),),
        (SENDING,),
    ),
    Mutant(
        "two orders spend the same money",
        "store/accounts.py",
        (("order by id for no key update", "order by id"),),
        (SENDING,),
    ),
    Mutant(
        "money that another process has spent is spent again",
        "store/orders.py",
        ((" and (hold = 0 or balance + credit_limit >= hold)", ""),),
        (REMEMBERED,),
    ),
    Mutant(
        "a closed account goes on sending",
        "store/orders.py",
        (("where id = account_id and closed_at is null and", "where id = account_id and"),),
        (REMEMBERED,),
    ),
    Mutant(
        "an order is taken at a price of the past",
        "store/orders.py",
        (("coalesce({_VERSION} = (select version from catalog), true)", "coalesce({_VERSION} > 0, true)"),),
        (REMEMBERED,),
    ),
    Mutant(
        "somebody is refused by what is only remembered of his money",
        ACCEPT,
        (("judge.ledger.short or ", ""),),
        (REMEMBERED,),
    ),
    Mutant(
        "who buries a courier does not mind who is just answering",
        "store/flights.py",
        (
            (
                "order by f.account_id, f.message_id limit $1\nfor update skip locked",
                "order by f.account_id, f.message_id limit $1",
            ),
        ),
        (SENDING,),
    ),
    Mutant(
        "a living courier is buried",
        "store/flights.py",
        (("where pg_try_advisory_xact_lock({COURIER_LOCK}, courier_id))", "where true)"),),
        (SENDING,),
    ),
    Mutant(
        "an answer is heard although its submission is settled",
        ANSWERS,
        (
            (
                "        was_in_doubt |= dict.fromkeys(doubted, False)\n",
                "        was_in_doubt |= dict.fromkeys(doubted, False)\n"
                "        was_in_doubt = {one.flight: False for one in answers} | was_in_doubt\n",
            ),
        ),
        (SENDING,),
    ),
    Mutant(
        "two parts open two next attempts",
        ANSWERS,
        (
            (" or answer.flight.attempt != len(delivery.attempts):", ":"),
            ("        bound |= await tx.unanswered({flight.key for flight in asking})\n", ""),
        ),
        (SENDING,),
    ),
    Mutant(
        "a refusal of the route's is the message's end",
        ANSWERS,
        (("    return ends_here and routing.is_the_routes(outcome.reason)\n", "    return False\n"),),
        ("flows/test_matching.py",),
    ),
    Mutant(
        "a message goes by the next route although a part was taken beside the refusal",
        ANSWERS,
        (("{one.flight.key for one in known if isinstance(one.outcome, Taken | Unknown)}", "set()"),),
        ("flows/test_refusals.py",),
    ),
    Mutant(
        "a message goes by the next route although a part is being written",
        ANSWERS,
        (("        bound |= await tx.unanswered({flight.key for flight in asking})\n", ""),),
        ("flows/test_refusals.py",),
    ),
    Mutant(
        "a refusal that says nothing is tried again and again",
        "connectors/smpp/words.py",
        (("Status.ESME_RSUBMITFAIL: Retries(most=1,", "Status.ESME_RSUBMITFAIL: Retries(most=99,"),),
        ("flows/test_refusals.py",),
    ),
    Mutant(
        "an account that is refused is asked again for every message",
        "connectors/smpp/client.py",
        (("            self._pace.pause(now)\n", "            pass\n"),),
        ("conformance/test_connector.py",),
    ),
    Mutant(
        "what a carrier makes up vouches for its network",
        "connectors/smpp/words.py",
        (
            (
                "return Claim(State.AT_CARRIER, untrusted=True)",
                "return Claim(State.AT_CARRIER, Confirmation.CARRIER)",
            ),
        ),
        ("flows/test_receipt_classes.py",),
    ),
    Mutant(
        "what is hardly valid any more is submitted",
        DISPATCH,
        (("MIN_REMAINING = timedelta(seconds=30)", "MIN_REMAINING = timedelta(seconds=0)"),),
        ("flows/test_hand_over.py",),
    ),
    Mutant(
        "a receipt is not looked for again after it became an orphan",
        RECEIVE,
        (("        await self._look_again(homeless)\n", ""),),
        (RECEIPTS,),
    ),
    Mutant(
        "a repeated receipt is evidence twice",
        RECEIVE,
        (("if (*key, fingerprint) not in seen:", "if True:"),),
        (MAIN_JOB, RECEIPTS),
    ),
    Mutant(
        "a receipt is guessed to belong to the first of two doubts",
        RECEIVE,
        (("if len(parts) != 1 or not all(in_doubt for _, in_doubt in fitting):", "if not fitting:"),),
        ("flows/test_matching.py",),
    ),
    Mutant(
        "a receipt that outran its answer is given to a doubt",
        "store/flights.py",
        (
            (
                "false as in_doubt, {TEXT} from in_flight f\nwhere f.connector_id = $1 and right(",
                "false as in_doubt, {TEXT} from in_flight f\nwhere false and f.connector_id = $1 and right(",
            ),
        ),
        (RECEIPTS,),
    ),
    Mutant(
        "an id is looked for at every connector",
        "store/flights.py",
        (
            (
                "from submission where connector_id = $1 and upstream_key",
                "from submission where $1 > 0 and upstream_key",
            ),
        ),
        ("flows/test_matching.py",),
    ),
    Mutant(
        "an id is enough, whoever the receipt is for",
        RECEIVE,
        (("return not said or said[-TAIL:] == ours[-TAIL:]", "return True"),),
        ("flows/test_matching.py",),
    ),
    Mutant(
        "the first copy's arrival does not count while the second waits",
        PART,
        (("if first_copy_taken or never_taken or status.step(", "if never_taken or status.step("),),
        ("flows/test_hand_over.py", RECEIPTS),
    ),
    Mutant(
        "a part whose first copy has arrived is sent again",
        DISPATCH,
        (
            (
                "    return is_newest and still_waits(row, delivery) and not delivery.final\n",
                "    return is_newest and not delivery.final\n",
            ),
        ),
        (RECEIPTS,),
    ),
    Mutant(
        "a part whose first copy has arrived expires in the queue",
        CLOSE,
        (("                if still_waits(row, delivery):\n", "                if True:\n"),),
        (RECEIPTS,),
    ),
    Mutant(
        "a hold is not given back",
        FOLD,
        (("        move.release += row.held - more\n", ""),),
        (MAIN_JOB,),
    ),
    Mutant(
        "a message is charged again by its correction",
        FOLD,
        (("    more = charged - row.charged\n", "    more = charged\n"),),
        (RECEIPTS,),
    ),
    Mutant(
        "the rest of a long message is not waited for",
        STATUS,
        (("if live and not (settled and negatives):", "if live and not negatives:"),),
        ("unit/test_status.py",),
    ),
    Mutant(
        "silence is made a failure",
        CLOSE,
        (("        State.NO_RECEIPT,\n", "        State.EXPIRED,\n"),),
        (MAIN_JOB,),
    ),
    Mutant(
        "a report is shown before it is claimed for good",
        "store/reports.py",
        (
            (
                "delete from report_due where ctid = any(array(select place from due))",
                "delete from report_due where ctid = any(array(select place from due)) and false",
            ),
        ),
        (MAIN_JOB,),
    ),
    Mutant(
        "a revoked key's tokens still open the door",
        "store/accounts.py",
        (("where c.revoked_at is null and a.closed_at is null", "where a.closed_at is null"),),
        ("dialects/bsg_one/test_one_auth.py",),
    ),
    Mutant(
        "one copy's failure ends a part of which another copy may arrive",
        PART,
        (("if not (part.first_failed and part.second_failed):", "if False:"),),
        ("flows/test_two_copies.py",),
    ),
    Mutant(
        "a part goes out before the part it follows",
        DISPATCH,
        (("if (row.key, row.part) in going and _follows(row, held, going)]", "if False]"),),
        ("flows/test_rare_orders.py",),
    ),
    Mutant(
        "a doubt that was resolved meanwhile is resolved again",
        RECEIVE,
        (("claim if claim and claim.flight in {None, *ended} else None", "claim"),),
        ("flows/test_rare_orders.py",),
    ),
    Mutant(
        "a part that was never sent counts as arrived",
        LIFECYCLE,
        (
            (
                "if any(truth(part.state) is Truth.NO for part in others) else attempt.parts",
                "or attempt.parts",
            ),
        ),
        ("flows/test_rare_orders.py",),
    ),
)
