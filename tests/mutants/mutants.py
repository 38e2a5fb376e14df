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
HEAR, COHORTS = "flows/hear.py", "flows/cohorts.py"
RECEIVE, CLOSE, FOLD = "flows/receive.py", "flows/close.py", "flows/fold.py"
DELIVERIES, STAND = "store/deliveries.py", "store/stand.py"
FOLDED, OUTBOX, CALLBACKS = "store/folded.py", "store/outbox.py", "store/callbacks.py"
LANES, TELL = "store/callback_lanes.py", "flows/callbacks.py"

MAIN_JOB = "flows/test_main_job.py"
SWEEP = "life/test_sweep.py"
REMEMBERED = "races/test_remembered_accounts.py"
OVERLAPPING = "races/test_overlapping_orders.py"
FIRST_WORD, PLAIN = "races/test_first_word.py", "unit/test_plain_orders.py"
SENDING, RECEIPTS = "races/test_sending_races.py", "races/test_receipt_races.py"
RUNS = "flows/test_runs.py"
HEARD, HAND_OVER = "flows/test_hear.py", "flows/test_hand_over.py"
CALLED_BACK, CALLBACK_RACES = "flows/test_callbacks.py", "races/test_callback_races.py"

TAKE_OFF = " " * 12 + (
    "await tx.take_off([row for row, _ in rows], courier_id=courier_id, now=now, references=references)\n"
)
AFTER_TAKE_OFF = (
    "            await pause(Point.DISPATCH_CLAIMED)\n        await pause(Point.DISPATCH_COMMITTED)\n"
)

MUTANTS = (
    Mutant(
        "a connection that nobody wants is kept for ever",
        "store/connections.py",
        (("        while len(self._idle) > 1 and", "        while len(self._idle) > 99 and"),),
        ("flows/test_connections.py",),
    ),
    Mutant(
        "the last connection is ended although it is the last",
        "store/connections.py",
        (
            ("        while len(self._idle) > 1 and", "        while self._idle and"),
            ("        more = len(self._idle) > 1\n", "        more = bool(self._idle)\n"),
        ),
        ("flows/test_connections.py",),
    ),
    Mutant(
        "the sweep reads all messages of days for those whose validity ends now",
        "store/migrations/0001_core.sql",
        (
            (
                "on message using brin (expires_at timestamptz_minmax_multi_ops)",
                "on message using brin (expires_at)",
            ),
        ),
        ("flows/test_partitions.py",),
    ),
    Mutant(
        "a message begins with everything that has not happened to it",
        DELIVERIES,
        (("return _without_defaults(_encode(attempts))", "return _encode(attempts).decode()"),),
        ("flows/test_disk.py",),
    ),
    Mutant(
        "deliveries leave their pages",
        "store/partitions.py",
        (("fillfactor = 42", "fillfactor = 60"),),
        ("flows/test_disk.py",),
    ),
    Mutant(
        "ids are taken from a block behind the one in use",
        "store/ids.py",
        (("return block if block is not None and block[0] >= self._end else None", "return block"),),
        ("flows/test_id_blocks.py",),
    ),
    Mutant(
        "a status is not guarded: any claim moves it",
        PART,
        (("if first_copy_taken or never_taken or status.step(", "if True or status.step("),),
        ("unit/test_lifecycle.py",),
    ),
    Mutant(
        "a delivery is folded without its lock",
        DELIVERIES,
        (
            (
                "do update set version = excluded.version where delivery.version is null",
                "do nothing",
            ),
        ),
        (f"{FIRST_WORD}::test_a_delivery_is_locked_whether_there_was_one_or_not",),
    ),
    Mutant(
        "whoever locks deliveries takes them in an order of his own",
        DELIVERIES,
        (("order by wanted.message_id", "order by wanted.message_id desc"),),
        (f"{FIRST_WORD}::test_two_that_want_the_same_messages_take_them_in_one_order",),
    ),
    Mutant(
        "of two first words the second one is an error",
        FOLDED,
        (("            if not is_key_of_delivery(taken.constraint_name):\n", "            if True:\n"),),
        (f"{FIRST_WORD}::test_of_two_first_words_one_is_written",),
    ),
    Mutant(
        "the first word of a message is written although a receipt waits for it",
        FOLDED,
        (("when not matched and n.was = 1 and n.fits then", "when not matched and n.was = 1 then"),),
        (f"{RECEIPTS}::test_a_receipt_that_waits_since_the_answer_was_folded_is_heard_with_it",),
    ),
    Mutant(
        "what waits holds nothing",
        STAND,
        (('    "held": BILLED,\n', '    "held": "0",\n'),),
        ("flows/test_invariants.py",),
    ),
    Mutant(
        "a message that waits is not seen until something was heard of it",
        STAND,
        (("\nleft join lateral (\n", "\njoin lateral (\n"),),
        ("flows/test_stand.py",),
    ),
    Mutant(
        "what waits for its time looks as if it could go at once",
        STAND,
        (("then 'queued' else 'scheduled' end", "then 'queued' else 'queued' end"),),
        ("flows/test_stand.py",),
    ),
    Mutant(
        "the doctor looks only at what was heard of",
        STAND,
        (("from message m left join delivery d on", "from message m join delivery d on"),),
        ("flows/test_invariants.py",),
    ),
    Mutant(
        "a list of a task leaves out what waits",
        "store/pages.py",
        (("generate_series($2::bigint, $3::bigint) as of_task", "generate_series(1, 0) as of_task"),),
        ("flows/test_pages.py",),
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
                AFTER_TAKE_OFF,
                AFTER_TAKE_OFF + "        async with self._database.transaction() as tx:\n"
                "            await tx.put_in_outbox([row for row, _ in rows])\n"
                "            self._served.clear()\n"
                "            rows = await self._due(tx, lanes, room, now=now)\n" + TAKE_OFF,
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
        (("        if state is not None and contradicts(stat, state[0]):\n            return None\n", ""),),
        ("unit/smpp/test_ordinary.py",),
    ),
    Mutant(
        "an answer is taken for a submission whose octets never left",
        "connectors/smpp/session.py",
        ((" or sequence in self._unwritten:", ":"),),
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
        (("    for update of r skip locked),", "    ),"),),
        (RECEIPTS,),
    ),
    Mutant(
        "messages of reports are read one by one if the planner likes",
        "store/database.py",
        (('PULLING = {**READING, "enable_nestloop": "off"}', "PULLING = READING"),),
        ("flows/test_plans.py",),
    ),
    Mutant(
        "a pull waits for another",
        "store/reports.py",
        (("for update of r skip locked),", "for update of r),"),),
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
        (
            (
                "        for update skip locked) as run\n    limit $6",
                "        for update) as run\n    limit $6",
            ),
        ),
        (SENDING,),
    ),
    Mutant(
        "two couriers claim the same rows",
        "store/outbox.py",
        (("        for update skip locked) as run\n    limit $6", "        ) as run\n    limit $6"),),
        (SENDING,),
    ),
    Mutant(
        "a claim forgets what is left of a run",
        OUTBOX,
        (("    from begun where upto < last_id),", "    from begun where false),"),),
        (RUNS,),
    ),
    Mutant(
        "what is left of a run begins with what was claimed of it",
        OUTBOX,
        (("select $1, lane, due_at, upto + step, last_id,", "select $1, lane, due_at, upto + 1, last_id,"),),
        (RUNS,),
    ),
    Mutant(
        "what is left of a run is forgotten on the long way",
        OUTBOX,
        (('last_id, step from begun where upto < last_id)"""', 'last_id, step from begun where false)"""'),),
        (RUNS,),
    ),
    Mutant(
        "a row is one message on the long way, however many it is for",
        OUTBOX,
        (("message_id < last_id and id between message_id and last_id", "false"),),
        (RUNS,),
    ),
    Mutant(
        "an account's share of a claim is so many runs",
        OUTBOX,
        (
            (
                "            limit greatest($7::integer / sharing.sharers, 1)) as each) as o),",
                "            ) as each) as o),",
            ),
        ),
        (RUNS,),
    ),
    Mutant(
        "a claim locks all runs that there are",
        OUTBOX,
        (
            (
                "                for update skip locked) as run\n            limit",
                "                for update skip locked) as run order by id\n            limit",
            ),
        ),
        (RUNS,),
    ),
    Mutant(
        "orders that were taken together wait as if they were one order's messages",
        "store/orders.py",
        (("NEXT_ORDER if common.task_id is None else 1,", "1,"),),
        (RUNS,),
    ),
    Mutant(
        "who was not rung for is forgotten",
        "flows/rings.py",
        (("        self._owe(connectors - rung)\n", ""),),
        ("flows/test_rings.py",),
    ),
    Mutant(
        "a transaction that rings makes up for those beside it, too",
        "flows/rings.py",
        (
            (
                "        self._owe(connectors - rung)\n",
                "        self._owe(connectors - rung)\n        self._owed -= rung\n",
            ),
        ),
        ("flows/test_rings.py",),
    ),
    Mutant(
        "who is to be rung for while it rings waits for the next order",
        "flows/rings.py",
        (("            self._owe(set())\n", ""),),
        ("flows/test_rings.py",),
    ),
    Mutant(
        "a run goes on over a gap",
        "store/runs.py",
        (
            ("if _are_whole(some, step) else _broken(some, step)", ""),
            ("if one != last + step:", "if one > last + 2:"),
        ),
        ("unit/test_runs_of_ids.py",),
    ),
    Mutant(
        "messages of other kinds wait in the run that they are amid",
        "store/runs.py",
        (("if one != last + step:", "if False:"),),
        (RUNS,),
    ),
    Mutant(
        "a run has no end",
        "store/runs.py",
        (("LONGEST = 1_000\n", "LONGEST = 1_000_000\n"),),
        (RUNS,),
    ),
    Mutant(
        "a batch begins beside another however little waits",
        "flows/batcher.py",
        (("waiting * (lanes - 1) >= ENOUGH * beside", "True"),),
        ("unit/test_batcher.py",),
    ),
    Mutant(
        "one of two lanes takes everything",
        "flows/batcher.py",
        (("max(LEAST_SHARE, -(-there_is // lanes))", "there_is"),),
        ("unit/test_batcher.py",),
    ),
    Mutant(
        "the other lane waits although half is left for it",
        "flows/batcher.py",
        (("        if self._waiting and not self._starting:\n            self._start_lane()\n", ""),),
        ("unit/test_batcher.py",),
    ),
    Mutant(
        "an account changes while it is judged under lock",
        "store/accounts.py",
        (("order by id for no key update", "order by id"),),
        (OVERLAPPING,),
    ),
    Mutant(
        "others take orders beside one who judges under lock",
        "store/accounts.py",
        (("        await self._connection.execute(LOCK_OUT, in_order)\n", ""),),
        (OVERLAPPING,),
    ),
    Mutant(
        "who takes orders does not say so to one who judges under lock",
        "store/orders.py",
        (("pg_advisory_xact_lock_shared({TAKING_LOCK}, account_id)", "account_id"),),
        (OVERLAPPING,),
    ),
    Mutant(
        "messages of one account are written one order after the other",
        "store/orders.py",
        (
            (
                "from per_account where id = account_id),",
                "from per_account where id = account_id returning 1),",
            ),
            (
                "{_lists(*_LISTED)} {{in_order}}),",
                "{_lists(*_LISTED)} where (select count(*) from paid) > 0 {{in_order}}),",
            ),
        ),
        (OVERLAPPING,),
    ),
    Mutant(
        "an account is locked before customers' own keys",
        "store/orders.py",
        (
            (
                "from per_account where id = account_id),",
                "from per_account where id = account_id returning 1),",
            ),
            ("where own_reference\n", "where own_reference and (select count(*) from paid) > 0\n"),
        ),
        (OVERLAPPING,),
    ),
    Mutant(
        "keys are taken in any order",
        "store/orders.py",
        (("    order by 3, 1, 2)", ")"),),
        (OVERLAPPING,),
    ),
    Mutant(
        "an order that met a deadlock is lost",
        "store/orders.py",
        (("            if new.version is None:\n                raise\n", "            raise\n"),),
        (OVERLAPPING,),
    ),
    Mutant(
        "money that another process has spent is spent again",
        "store/orders.py",
        ((" and (hold = 0 or balance + credit_limit >= hold) then", " then"),),
        (REMEMBERED,),
    ),
    Mutant(
        "a closed account goes on sending",
        "store/orders.py",
        (("when closed_at is null and (hold", "when (hold"),),
        (REMEMBERED,),
    ),
    Mutant(
        "an order is taken at a price of the past",
        "store/orders.py",
        (("coalesce({_VERSION} = (select version from catalog), true)", "coalesce({_VERSION} > 0, true)"),),
        (REMEMBERED,),
    ),
    Mutant(
        "an order is sent as long as another that came with it",
        "flows/new_rows.py",
        (("id(order.dialect), order.validity_s,", "id(order.dialect),"),),
        ("flows/test_tasks_of_one.py",),
    ),
    Mutant(
        "a message is sent as another customer's was",
        "flows/new_rows.py",
        (("alike = (id(order.caller),", "alike = (0,"),),
        ("flows/test_tasks_of_one.py",),
    ),
    Mutant(
        "an order that says more than its message is forgotten",
        "flows/new_rows.py",
        (("order.source != USUAL_SOURCE", "False"),),
        ("flows/test_tasks_of_one.py",),
    ),
    Mutant(
        "a reference is taken twice by orders that are judged together",
        "flows/ledger.py",
        (("return len(self.taken) == before + len(references)", "return True"),),
        (PLAIN,),
    ),
    Mutant(
        "a key that we made becomes a customer's own",
        "flows/judge_plain.py",
        (("    if any(ids.unseal(judge.secret, one) is not None for one in ours):", "    if not ids:"),),
        (PLAIN,),
    ),
    Mutant(
        "an order is judged together with others as of a version of the past",
        "flows/judge_plain.py",
        (("if any(one.as_of not in (None, judge.as_of) for one in orders):", "if not orders:"),),
        (PLAIN,),
    ),
    Mutant(
        "orders that are judged together are one task",
        "flows/judge_plain.py",
        (("total=alike[0].size", "total=len(columns.ids)"),),
        (PLAIN,),
    ),
    Mutant(
        "an order of one message with a name of its own shares another's task",
        "flows/judge_plain.py",
        (("alike[0].size == 1 and judge.rows.says_all(whole, draft)", "alike[0].size == 1"),),
        (PLAIN,),
    ),
    Mutant(
        "messages to places of another price are written as one kind",
        "flows/judge_plain.py",
        ((" and offers.count(offers[0]) == len(offers)", ""),),
        (PLAIN,),
    ),
    Mutant(
        "a number twice in a plain order gets two messages",
        "flows/prepare.py",
        (("and len(set(recipients)) < size", "and not recipients"),),
        (PLAIN,),
    ),
    Mutant(
        "a message has the sender of another",
        "dialects/bsg_v1/usual.py",
        (("as_of, wire.originator,", "as_of,"),),
        (PLAIN,),
    ),
    Mutant(
        "a message is sent by settings of the past",
        "dialects/bsg_v1/usual.py",
        (("(caller.credential_id, as_of,", "(caller.credential_id,"),),
        (PLAIN,),
    ),
    Mutant(
        "a text that nothing can carry is taken in a plain order",
        "dialects/bsg_v1/usual.py",
        (("if pattern is None or not text_fits(", "if pattern is None or not str("),),
        (PLAIN,),
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
        "a receipt without a date is an old doubt's no longer",
        RECEIVE,
        (
            (
                "        return flight.written_at - CLOCK_SKEW <= at\n",
                "        return flight.written_at - CLOCK_SKEW <= at <= flight.expires_at + UNDATED_WITHIN\n",
            ),
        ),
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
                "if any(truth(part.state) is _NO for part in others) else attempt.parts",
                "or attempt.parts",
            ),
        ),
        ("flows/test_rare_orders.py",),
    ),
    Mutant(
        "what was folded from need not be the newest",
        FOLDED,
        ((" and d.version = n.was and n.fits", " and n.fits"),),
        (f"{HEARD}::test_a_write_on_outdated_ground_changes_nothing",),
    ),
    Mutant(
        "an answer is written although nobody waits for it any more",
        FOLDED,
        (("(select count(*) from taken) = $2::bigint", "(select count(*) from taken) <= $2::bigint"),),
        (f"{HEARD}::test_an_answer_that_is_told_again_because_its_write_seemed_to_fail_is_heard_once",),
    ),
    Mutant(
        "the late answer of a submission in doubt is written like any other",
        FOLDED,
        (("coalesce(doubt_since, '-infinity') = '-infinity' and ctid", "ctid"),),
        (f"{HEARD}::test_the_late_answer_of_a_submission_in_doubt_is_heard_beside_others",),
    ),
    Mutant(
        "a receipt that waits for an answer is not seen by it",
        FOLDED,
        (
            (
                "where waiting.connector_id = $3::integer)",
                "where waiting.connector_id = $3::integer and false)",
            ),
        ),
        (f"{RECEIPTS}::test_a_receipt_that_waits_since_the_answer_was_folded_is_heard_with_it",),
    ),
    Mutant(
        "what was heard at once is not known when it comes again",
        FOLDED,
        (('{HEARD if hears else ""}', ""),),
        (f"{RECEIPTS}::test_one_receipt_that_comes_on_two_binds_at_once_is_heard_once",),
    ),
    Mutant(
        "what was folded on a write that failed is written all the same",
        HEAR,
        (("        if batch.setbacks != self._setbacks:\n            return False\n", ""),),
        (f"{HEARD}::test_a_receipt_that_is_repeated_while_its_first_write_is_given_up_is_stored",),
    ),
    Mutant(
        "what could not be written is remembered",
        HEAR,
        (("        self._recent.clear()\n", ""),),
        (f"{HEARD}::test_what_could_not_be_written_is_not_remembered",),
    ),
    Mutant(
        "what nobody waits for any more is remembered as written",
        HEAR,
        (("        except BaseException:\n", "        except Exception:\n"),),
        (f"{HEARD}::test_a_receipt_that_is_repeated_while_its_first_write_is_given_up_is_stored",),
    ),
    Mutant(
        "what could not be spelt is remembered",
        HEAR,
        (
            ("        except BaseException:\n", "        except (Unavailable, asyncio.CancelledError):\n"),
            ("import asyncio\n", "import asyncio\nfrom tidings.domain.errors import Unavailable\n"),
        ),
        (f"{HEARD}::test_what_is_folded_beside_something_that_cannot_be_spelt_is_not_remembered",),
    ),
    Mutant(
        "a batch is written beside the one that it was folded on",
        HEAR,
        ((" or not self.message_ids.isdisjoint(earlier.message_ids)", ""),),
        (f"{HEARD}::test_the_next_batch_is_folded_while_one_is_written_and_written_after_it",),
    ),
    Mutant(
        "what is said after something unusual does not wait for it",
        HEAR,
        (("        return bool(unknown) or not", "        return bool(unknown) and False or not"),),
        (f"{HEARD}::test_what_is_said_after_something_unusual_waits_until_that_was_weighed",),
    ),
    Mutant(
        "a receipt that is known already does not wait for the write that makes it so",
        COHORTS,
        (
            (
                "        return self._ways.keys()\n",
                "        return {one for one, way in self._ways.items() if way.told}\n",
            ),
        ),
        (f"{HEARD}::test_a_receipt_that_is_repeated_while_its_first_write_is_given_up_is_stored",),
    ),
    Mutant(
        "one write waits for another that has nothing to do with it",
        HEAR,
        (("if batch.meets(one)]", "if True]"),),
        (f"{HEARD}::test_what_is_said_of_other_messages_does_not_wait_for_a_write_that_is_under_way",),
    ),
    Mutant(
        "what many messages share is locked before the rest is written",
        FOLDED,
        (("        its = parts if one.of_each else shared\n", "        its = parts\n"),),
        ("unit/test_statement.py",),
    ),
    Mutant(
        "two batches are folded at once",
        HEAR,
        (("            async with self._folding:\n", "            async with asyncio.Lock():\n"),),
        (
            f"{HEARD}::test_what_was_heard_first_is_told_first_although_something_beside_it_has_to_be_looked_up",
        ),
    ),
    Mutant(
        "a receipt that waits is heard after the one that follows it",
        HEAR,
        (("            names += receipt.lookup_keys\n", "            pass\n"),),
        ("flows/test_early_receipts.py",),
    ),
    Mutant(
        "a receipt that comes again is heard again, the short way",
        COHORTS,
        (("        if _has(heard, fingerprint) or", "        if"),),
        (f"{HEARD}::test_one_that_was_overtaken_holds_nobody_up_and_nothing_is_written_twice",),
    ),
    Mutant(
        "a receipt that comes twice at a time is heard twice",
        COHORTS,
        ((" or _has(fingerprints, fingerprint):", ":"),),
        ("unit/test_cohorts.py",),
    ),
    Mutant(
        "what receipts say is taken for what others said that are gone",
        COHORTS,
        (("        self._known_by_id.append((leg, said))\n", ""),),
        ("unit/test_cohorts.py",),
    ),
    Mutant(
        "what moves with each of many moves once",
        COHORTS,
        (("times=len(stand.message_ids)", "times=1"),),
        ("unit/test_cohorts.py",),
    ),
    Mutant(
        "what stands for many messages is folded into",
        COHORTS,
        (("_copy(stand.held)", "stand.held"),),
        ("unit/test_cohorts.py",),
    ),
    Mutant(
        "messages of which something else was learnt go the same way",
        COHORTS,
        (("            answer.at,\n", ""),),
        ("unit/test_cohorts.py",),
    ),
    Mutant(
        "many messages are told one's words",
        "store/evidence.py",
        (("told.upstream_ids[start:end]", "told.upstream_ids[:1] * (end - start)"),),
        ("unit/test_cohorts.py",),
    ),
    Mutant(
        "a receipt goes before the refusal that came with it",
        HEAR,
        (("            if message_id not in unusual and self", "            if self"),),
        (f"{HEARD}::test_a_receipt_is_told_after_the_refusal_of_another_part_that_came_with_it",),
    ),
    Mutant(
        "a courier remembers everything",
        "flows/recent.py",
        (("*_oldest(self._open, self._most)", "*_oldest(self._open, 10**9)"),),
        (f"{HEARD}::test_a_courier_with_a_short_memory_hears_as_well",),
    ),
    Mutant(
        "a courier remembers all that has ended",
        "flows/recent.py",
        (("*_oldest(self._ended, ended_most)", "*_oldest(self._ended, 10**9)"),),
        (f"{HEARD}::test_a_courier_with_a_short_memory_hears_as_well",),
    ),
    Mutant(
        "a busy line hushes the bell for one that sleeps",
        "app/bell.py",
        (("                if not self._asleep:\n", "                if True:\n"),),
        ("flows/test_bell.py",),
    ),
    Mutant(
        "a line that was busy sleeps without looking once more",
        "app/line.py",
        (
            (
                "        if not await self._sleepers.lie_down():\n            return\n",
                "        await self._sleepers.lie_down()\n",
            ),
        ),
        ("flows/test_line.py",),
    ),
    Mutant(
        "as much is claimed at a time however long that takes",
        "app/portion.py",
        (("        if self._full:\n", "        if False:\n"),),
        ("unit/test_portion.py",),
    ),
    Mutant(
        "a line does not gather after a crowd",
        "app/line.py",
        (("for _ in range(GATHERINGS if self._crowded else 0):", "for _ in range(0):"),),
        ("flows/test_line.py",),
    ),
    Mutant(
        "a line gathers although nothing more comes",
        "app/line.py",
        (
            (
                "                if self._unwritten == before:\n",
                "                if self._unwritten < before:\n",
            ),
        ),
        ("flows/test_line.py",),
    ),
    Mutant(
        "a line gathers although it has enough",
        "app/line.py",
        (("                if before >= ENOUGH:\n", "                if before >= 10**9:\n"),),
        ("flows/test_line.py",),
    ),
    Mutant(
        "a claim writes no intent",
        OUTBOX,
        (("    from taken)\n", "    from taken where false)\n"),),
        (f"{MAIN_JOB}::test_a_message_is_accepted_handed_over_delivered_charged_and_reported_once",),
    ),
    Mutant(
        "a claim waits for what another one takes",
        OUTBOX,
        (("                for update skip locked) as run\n", "                for update) as run\n"),),
        (f"{SENDING}::test_a_claim_passes_over_what_another_one_is_just_taking",),
    ),
    Mutant(
        "a claim does not mind what another one takes",
        OUTBOX,
        (("                for update skip locked) as run\n", "                ) as run\n"),),
        (f"{SENDING}::test_a_claim_passes_over_what_another_one_is_just_taking",),
    ),
    Mutant(
        "an account takes others' shares of a claim",
        OUTBOX,
        (
            ("part limit greatest($7::integer / sharing.sharers, 1)", "part limit $7"),
            (
                "as run\n            limit greatest($7::integer / sharing.sharers, 1)",
                "as run\n            limit $7",
            ),
        ),
        (f"{HAND_OVER}::test_one_accounts_campaign_does_not_hold_up_anothers_messages",),
    ),
    Mutant(
        "codes wait for their turn among campaigns",
        OUTBOX,
        (("order by lane, turn, place limit $7", "order by turn, lane desc, place limit $7"),),
        (f"{HAND_OVER}::test_codes_go_before_everything_else",),
    ),
    Mutant(
        "a claim begins with the same accounts each time",
        OUTBOX,
        (("served={lane: last or 0 for lane, last in lanes.items()}", "served=dict.fromkeys(lanes, 0)"),),
        (f"{HAND_OVER}::test_more_accounts_than_share_a_claim_all_have_their_turn",),
    ),
    Mutant(
        "a part that is queued again goes out as if it were new",
        OUTBOX,
        (("attempt = 1 and part = 0 and parts = 1 as", "attempt = 1 and parts = 1 as"),),
        (f"{RECEIPTS}::test_a_part_that_has_arrived_is_not_sent_again_while_its_message_is_open",),
    ),
    Mutant(
        "nobody says at which prices an order was judged",
        ACCEPT,
        (("        judge.rows.new.version = judge.as_of\n", ""),),
        (f"{REMEMBERED}::test_a_price_that_has_changed_is_the_price",),
    ),
    Mutant(
        "nobody is told that he was refused by an account that is remembered",
        ACCEPT,
        (("judge.refused or ", ""),),
        (f"{CALLED_BACK}::test_a_message_refused_as_it_is_taken_is_told_too",),
    ),
    Mutant(
        "what a server did not answer of what it was sent together is forgotten",
        "connectors/webhook/exchange.py",
        (("        self._unheard = list(posts)\n", ""),),
        (
            "unit/webhook/test_poster.py"
            "::test_what_stood_behind_an_answer_that_did_not_come_is_sent_again_by_itself",
        ),
    ),
    Mutant(
        "an answer as long as the last one is taken for the same",
        "connectors/webhook/exchange.py",
        (("data == self._usual * len(self._posts):", "len(data) == len(self._usual) * len(self._posts):"),),
        ("unit/webhook/test_exchange.py::test_an_answer_that_is_as_long_as_the_usual_one_is_read",),
    ),
    Mutant(
        "what stands inside an answer is taken for one",
        "connectors/webhook/exchange.py",
        (("if not self._begun and data ==", "if data =="),),
        ("unit/webhook/test_exchange.py::test_what_stands_in_the_body_of_an_answer_is_none",),
    ),
    Mutant(
        "a server that fails at what is sent together is sent more of it",
        "connectors/webhook/poster.py",
        (("        self._stumbled.add(origin)\n", ""),),
        ("unit/webhook/test_poster.py::test_a_server_that_fails_at_what_is_sent_together_is_remembered",),
    ),
    Mutant(
        "a lane is leased that is another sender's",
        LANES,
        (("where l.leased_until <= $4 or l.leased_until = (", "where true or l.leased_until = ("),),
        (f"{CALLBACK_RACES}::test_two_senders_share_no_lane_and_none_waits_for_the_other",),
    ),
    Mutant(
        "a lease is never renewed",
        TELL,
        (("if end is None or end < fresh}", "if end is None}"),),
        (f"{CALLED_BACK}::test_a_lane_of_which_something_is_in_hand_stays_its_senders",),
    ),
    Mutant(
        "a lane is let go of while something of it is in hand",
        TELL,
        (("if not one.messages and key not in but}", "if key not in but}"),),
        (f"{CALLED_BACK}::test_a_lane_is_one_senders_while_he_has_something_of_it_in_hand",),
    ),
    Mutant(
        "a lane is kept when nothing of it is in hand",
        TELL,
        (("if not one.messages and key not in but}", "if False}"),),
        (f"{CALLED_BACK}::test_a_lane_is_one_senders_while_he_has_something_of_it_in_hand",),
    ),
    Mutant(
        "what is in hand is read again",
        CALLBACKS,
        (
            (
                "          and c.message_id not in (select unnest($4::text::bigint[]))\n        order",
                "        order",
            ),
        ),
        (f"{CALLED_BACK}::test_no_callback_of_a_message_is_told_while_another_is_in_hand",),
    ),
    Mutant(
        "what is being told is given up for its age",
        CALLBACKS,
        (
            (
                "(c.tries > 0 or l.down) and c.message_id not in (select unnest($4::text::bigint[]))",
                "(c.tries > 0 or l.down)",
            ),
        ),
        (f"{CALLED_BACK}::test_nothing_is_given_up_that_is_being_told",),
    ),
    Mutant(
        "what was told is told again because its row has moved meanwhile",
        CALLBACKS,
        (
            (
                "if await fetched(DELIVERED_IN_PLACE, *PLACED.arguments(rows), at) < len(rows):",
                "if await fetched(DELIVERED_IN_PLACE, *PLACED.arguments(rows), at) < 0:",
            ),
        ),
        (f"{CALLED_BACK}::test_what_stands_where_a_callback_stood_is_not_taken_for_it",),
    ),
    Mutant(
        "whatever stands where a told callback stood is taken for it",
        CALLBACKS,
        (("      and (c.message_id, c.number) is not distinct from (n.message_id, n.number)\n", ""),),
        (f"{CALLED_BACK}::test_what_stands_where_a_callback_stood_is_not_taken_for_it",),
    ),
    Mutant(
        "what has been corrected is told after its correction",
        TELL,
        (("if one.number < reports:", "if False:"),),
        (f"{CALLED_BACK}::test_what_is_corrected_before_it_was_told_is_told_once_and_not_after_its_pause",),
    ),
    Mutant(
        "who adds tallies up leaves them there",
        "store/tallies.py",
        (("delete from message_tally where", "update message_tally set messages = messages where"),),
        (OVERLAPPING,),
    ),
    Mutant(
        "the moments of a busy minute are forgotten",
        "store/tallies.py",
        (("where a.by_moment and", "where false and"),),
        ("flows/test_pages.py",),
    ),
    Mutant(
        "of a task's message each report counts, not the last one",
        "store/pages.py",
        (("select message_id, number - 1 from report", "select message_id, number - 7 from report"),),
        ("flows/test_pages.py",),
    ),
    Mutant(
        "the reports of a task are read along their key",
        "store/pages.py",
        (("enable_indexscan = off", "enable_indexscan = on"),),
        ("flows/test_plans.py",),
    ),
    Mutant(
        "how the reports of a task are read is said outside of a transaction",
        "store/pages.py",
        (("async with self._connection.transaction():", "if True:"),),
        ("flows/test_plans.py",),
    ),
    Mutant(
        "of a busy minute all counts that ends in a window",
        "store/pages.py",
        ((" and at <= $10", ""),),
        ("flows/test_pages.py",),
    ),
    Mutant(
        "a minute is added up while it lasts",
        "flows/close.py",
        ((".replace(second=0, microsecond=0)", ""),),
        ("flows/test_tallies.py",),
    ),
    Mutant(
        "a window of time forgets what is not added up yet",
        "store/pages.py",
        (("where account_id = $1 and at >= $4 and at < $7", "where false"),),
        ("flows/test_pages.py",),
    ),
    Mutant(
        "a remembered caller is told what he may not know any more",
        "flows/asking.py",
        (("if as_of == version and", "if"),),
        ("dialects/bsg_v1/test_v1_remembered.py", "unit/test_asking.py"),
    ),
    Mutant(
        "a connection is lent while a statement of somebody else's is under way on it",
        "store/connections.py",
        (("or isinstance(error, asyncio.CancelledError | TimeoutError)", "or False"),),
        ("flows/test_connections.py",),
    ),
    Mutant(
        "a connection is lent in the middle of a transaction",
        "store/connections.py",
        (("            or connection.is_in_transaction()\n", ""),),
        ("flows/test_connections.py",),
    ),
    Mutant(
        "a page of a task shows only what was reported",
        "store/pages.py",
        (("        if len(ids) < wanted:\n", "        if False:\n"),),
        ("flows/test_pages.py",),
    ),
    Mutant(
        "a page of what was not reported begins where the reports would go on",
        "store/pages.py",
        (("wanted - len(ids), offset - passed)", "wanted - len(ids), offset)"),),
        ("flows/test_pages.py",),
    ),
    Mutant(
        "what was not reported counts as passed by with the reports",
        "store/pages.py",
        (("if not ids and offset:", "if False:"),),
        ("flows/test_pages.py",),
    ),
    Mutant(
        "messages of a claim that agree go in any order",
        OUTBOX,
        (("from taken order by due_at, message_id offset 0", "from taken order by text offset 0"),),
        ("flows/test_runs.py",),
    ),
)
