"""Holds what the gateway says of every message against what the simulated SMSC knows, and sorts them all.

ok          the gateway says what is true, and was never unsure of it
recovered   an answer was lost, to a customer or to us, and the end is known and true all the same
uncertain   the gateway says that it does not know
unexpected  it says what nobody told it, or something reached a handset that nobody had sent
lost        promised and not there, or not ended, or known to the carrier, told to us and not believed
duplicated  (beside these) a handset got it twice; each of them must be flagged
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from noted import Noted

from tidings.connectors.sandbox.events import Refused
from tidings.connectors.sandbox.journal import read_events
from tidings.connectors.sandbox.receipts import id_in_response
from tidings.connectors.sandbox.settings import IdForm
from tidings.connectors.sandbox.truth import Message, Truth
from tidings.domain.evidence import Kind

YES = frozenset({"delivered", "read"})
NO = frozenset({"expired", "undeliverable", "rejected", "cancelled", "failed"})
NOT_KNOWN = frozenset({"no_receipt", "unknown"})

MESSAGES = """
select k.key as reference, m.recipient, coalesce(d.state::text, 'queued') as state, d.reason,
       coalesce(d.inferred, false) as inferred, coalesce(d.flags, '{}') as flags, m.parts, m.id
from message m
join external_key k on k.account_id = m.account_id and k.message_id = m.id and k.kind = 'reference'
left join delivery d on d.account_id = m.account_id and d.message_id = m.id"""

ORPHANS = "select recipient, receipt ->> 'word' as word from orphan"


def with_evidence(messages: Iterable[Mapping[str, Any]], evidence: Iterable[Noted]) -> list[dict[str, Any]]:
    """The rows of MESSAGES with what their evidence says."""
    rows = [{**one, "doubts": 0, "written": 0, "answers": [], "words": []} for one in messages]
    by_id = {row["id"]: row for row in rows}
    for _, message_id, _, said in evidence:
        row = by_id[message_id]
        match said.kind:
            case Kind.DOUBT:
                row["doubts"] += 1
            case Kind.WRITTEN:
                row["written"] += 1 if said.part else row["parts"]
            case Kind.ANSWERED:
                row["answers"].append(said.upstream_id)
            case Kind.RECEIPT:
                row["words"].append((said.word or "").partition(" ")[0])
    return rows


@dataclass
class Carrier:
    """The simulated SMSC's truth, by number."""

    truth: Truth
    taken: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    refused: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    unheard: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @classmethod
    def of(cls, state: Path) -> "Carrier":
        """Read the state file."""
        carrier = cls(Truth())
        carrier.truth.fold(carrier._noting(read_events(state)))
        for message in carrier.truth.messages.values():
            carrier.taken[message.took.destination.digits].append(message)
        for one in carrier.truth.lost:
            carrier.unheard[one.destination.digits] += 1
        return carrier

    def _noting(self, events: Iterable[Any]) -> Iterable[Any]:
        for event in events:
            if isinstance(event, Refused):
                self.refused[event.destination.digits] += 1
            yield event

    def parts(self, number: str) -> dict[int, list[Message]]:
        """What was taken to a number, by part."""
        parts: dict[int, list[Message]] = defaultdict(list)
        for message in self.taken.get(number, ()):
            parts[message.took.part.number if message.took.part else 1].append(message)
        return parts


@dataclass
class Tally:
    """How many of each, and what is wrong by name."""

    ok: int = 0
    lost: int = 0
    recovered: int = 0
    unexpected: int = 0
    duplicated: int = 0
    uncertain: int = 0
    withheld: int = 0
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        """The one line at the end."""
        counts = ("ok", "lost", "recovered", "unexpected", "duplicated", "uncertain")
        return " · ".join(f"{name} {getattr(self, name)}" for name in counts)

    @property
    def holds(self) -> bool:
        """Whether everything is as it must be."""
        return not self.wrong and not self.lost and not self.unexpected and self.uncertain <= self.withheld


def reckon(
    rows: Iterable[Mapping[str, Any]],
    orphans: Iterable[Mapping[str, Any]],
    carrier: Carrier,
    *,
    promised: set[str],
    unsure: set[str],
) -> Tally:
    """Sort every message. `promised`: the references that were acknowledged; `unsure`: those of requests of which
    an answer was lost."""
    tally = Tally()
    kept: dict[str, set[str]] = defaultdict(set)
    for one in orphans:
        kept[one["recipient"]].add(one["word"])
    known = {row["reference"]: row for row in rows}
    for reference in sorted(promised - known.keys()):
        tally.lost += 1
        tally.wrong.append(f"{reference}: promised and not there")
    for reference, row in known.items():
        _sort(tally, row, carrier, kept[row["recipient"]], unsure=reference in unsure)
    strangers = carrier.taken.keys() - {row["recipient"] for row in known.values()}
    for number in sorted(strangers):
        tally.unexpected += 1
        tally.wrong.append(f"{number}: the carrier took what nobody had sent")
    return tally


def _sort(tally: Tally, row: Mapping[str, Any], carrier: Carrier, kept: set[str], *, unsure: bool) -> None:
    parts = carrier.parts(row["recipient"])
    twice = any(len(copies) > 1 for copies in parts.values())
    tally.duplicated += twice
    tally.withheld += _withheld(row, parts, carrier)
    problems = [*_copies(row, parts), *_kept(row, parts, kept)]
    if lost := _lost(row, parts):
        tally.lost += 1
        problems.append(lost)
    elif unexpected := _unexpected(row, parts, carrier):
        tally.unexpected += 1
        problems.append(unexpected)
    elif row["state"] in NOT_KNOWN:
        tally.uncertain += 1
        if not _withheld(row, parts, carrier):
            problems.append("uncertain although nothing was withheld")
    elif row["doubts"] or unsure:
        tally.recovered += 1
    else:
        tally.ok += 1
    story = {
        number: [(one.took.id, one.took.faults, sorted(one.said())) for one in copies]
        for number, copies in parts.items()
    }
    tally.wrong += [
        f"{row['reference']} to {row['recipient']}: {one}; {dict(row)}; {story}" for one in problems
    ]


def _withheld(row: Mapping[str, Any], parts: Mapping[int, list[Message]], carrier: Carrier) -> bool:
    """Whether the carrier withheld an answer or a receipt of it. What was written and never arrived went down with
    a session, and its answer with it."""
    if any(one.withheld for copies in parts.values() for one in copies):
        return True
    arrived = sum(map(len, parts.values())) + carrier.refused[row["recipient"]]
    return bool(carrier.unheard[row["recipient"]]) or int(row["written"]) > arrived


def _copies(row: Mapping[str, Any], parts: Mapping[int, list[Message]]) -> Iterable[str]:
    most = max(map(len, parts.values()), default=0)
    if most > 1 and "possible_duplicate" not in row["flags"]:
        yield "a handset got it twice and no flag says so"
    if most > 2:
        yield f"a part was taken {most} times"


def _kept(row: Mapping[str, Any], parts: Mapping[int, list[Message]], kept: set[str]) -> Iterable[str]:
    """Every word that the carrier had acknowledged is evidence, or waits with the orphans."""
    heard = {*(row["words"] or ()), *kept}
    for copies in parts.values():
        for one in copies:
            acknowledged = {
                verdict.stat
                for verdict, telling in zip(one.took.receipts, one.tellings, strict=True)
                if telling.acknowledged_at is not None
            }
            if acknowledged - heard:
                yield f"acknowledged and not kept: {acknowledged - heard}"


def _lost(row: Mapping[str, Any], parts: Mapping[int, list[Message]]) -> str:
    if row["state"] not in YES | NO | NOT_KNOWN:
        return "it has no end"
    if row["state"] in YES:
        return "" if parts else "said to be delivered, and never taken"
    answers = set(row["answers"] or ())
    believed = [
        any(_must_be_believed(one, answers) for one in parts.get(n, ())) for n in range(1, row["parts"] + 1)
    ]
    return "every part was said to be delivered, under ids that we had" if all(believed) else ""


def _must_be_believed(one: Message, answers: set[str]) -> bool:
    shown = id_in_response(one.took.shown_id, IdForm.DECIMAL)
    return "DELIVRD" in one.said(acknowledged=True) and shown in answers


def _unexpected(row: Mapping[str, Any], parts: Mapping[int, list[Message]], carrier: Carrier) -> str:
    told = {n: {word for one in copies for word in _told(one)} for n, copies in parts.items()}
    if row["state"] in YES:
        silent = [n for n in range(1, row["parts"] + 1) if "DELIVRD" not in told.get(n, ())]
        return f"delivered, although nobody said so of part {silent}" if silent else ""
    if row["state"] not in NO:
        return ""
    if row["reason"] == "EXPIRED_IN_QUEUE":
        whole = all(any(not one.unanswered for one in parts.get(n, ())) for n in range(1, row["parts"] + 1))
        return "expired in our queue, although all of it was taken" if whole else ""
    said = {"expired": "EXPIRED", "undeliverable": "UNDELIV"}.get(row["state"])
    if any(said in words for words in told.values()) or carrier.refused[row["recipient"]]:
        return ""
    return f"{row['state']} {row['reason']}, although nobody said so"


def _told(one: Message) -> set[str]:
    """Every word said of it, under whatever id."""
    pairs = zip(one.took.receipts, one.tellings, strict=True)
    return {verdict.stat for verdict, telling in pairs if telling.sent}
