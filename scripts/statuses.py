"""Writes docs/statuses.md from the tables in the code: `make docs`. A test fails when the page is stale."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tidings.connectors.smpp import pace
from tidings.connectors.smpp.codes import Status
from tidings.connectors.smpp.words import (
    MAP_REASONS,
    MESSAGE_STATE,
    STATES,
    STATUSES,
    UNKNOWN_STATUS,
    USUAL_REASON,
    refused,
)
from tidings.console.words import FLAGS, REASONS
from tidings.dialects.bsg_one import words as bsg_one
from tidings.dialects.bsg_v1 import words as bsg_v1
from tidings.dialects.infobip import words as infobip
from tidings.dialects.infobip.settings import Preferences
from tidings.domain.delivery import Flag
from tidings.domain.errors import REASON, Fault
from tidings.domain.message import Standing
from tidings.domain.outcome import Next, Retries
from tidings.domain.reason import Reason
from tidings.domain.routing import is_the_routes
from tidings.domain.status import FINAL, MEANING, Confirmation, State, truth

PAGE = Path(__file__).parents[1] / "docs" / "statuses.md"
MANY = 4

HEAD = """\
# Statuses and reasons

*Made from the code by `make docs`; do not edit it here.*

A message has one **state**. What a vendor's API shows is a projection of the state together with its **reason** (why),
its **stage** (where that was decided), its **confirmation** (how far somebody vouches for it: none, the carrier, the
handset, read) and whether a timer of ours said so rather than a peer. Where a vocabulary cannot say something, the
weaker true word is taken, never a stronger one that may be false.

The rules behind it:

* The state is a pure function of everything that happened to the message (`tidings timeline ID` shows it). Folding the
  same evidence again gives the same state; `tidings doctor` checks that.
* A *yes* wins whenever it comes. A *no* never undoes a yes. A later yes corrects a no, and the customer is owed a new
  report.
* Silence is never turned into yes or no: it ends as `no_receipt`, which is *unknown*.
* The parts of a long message combine with AND, its attempts (routes) with OR.
* A refusal that may be tried again is an event, not a state: the message is `queued` again.

## States

*Truth* says whether it arrived: yes, no, nobody can say (unknown), or still possible (open).

"""

WORDS = """
## The word for each state in each API

The first word is the usual one; the others depend on the reason, the stage or the confirmation, as the next table says.
For a failure the coarser vocabularies follow the cause: a phone that is off (`absent`) reads as *expired* because the
number is good, and a wrong number as *undeliverable* whoever refused it.

"""

FLAGGED = """
## Flags

Facts beside the state, shown by `tidings status`, the timeline and the console.

"""

REASONED = """
## Reasons

With the state and stage a reason usually brings, and the words for a message that failed that way. Decided elsewhere
than usual, the stage chooses the word: refused by the network is `undelivered` in the One API and status 4 at Infobip.
Some reasons belong to channels and rules that are not built yet; an operator can give any of them to a carrier's own
error numbers (`tidings connector add --err`).

"""

REFUSED = """
## Refused in the answer to the request

What a request, or one recipient of it, can be refused for, in the order in which faults are looked for. BSG REST v1
answers the code in the row, the One API a 422 for the whole request, Infobip a row of group REJECTED that is kept and
owes a report.

"""

RECEIPTED = """
## What an SMPP receipt says

`stat`, or the `message_state` TLV that stands for it; letter case does not matter. A word that is not listed is kept in
the timeline and changes nothing. What DELIVRD proves depends on the connector: with the receipt class `handset` it is
`delivered`, with every other one `at_carrier`.

"""

NUMBERED = """
## What `err` in an SMPP receipt says

It counts only where the connector says that its numbers are those of GSM MAP (`--err-is-map`), as below, or has a table
of its own (`--err NUMBER=REASON`), which goes first. A MAP number without a reason of ours is kept and passed on.

"""

ANSWERED = """
## What an SMPP answer to a submission does

By `command_status`; `--status` changes it for a connector. *Give up*: it is not sent on this route again. *Retry*:
again so many times, after so many seconds. *Throttle* and *hold*: again until the message's validity ends; a hold is
the session's or the account's trouble, not the message's. Where a refusal is the route's, the next route tries: when
this one is at its end, of a hold at once. One that is not listed is tried again after {unknown} s.

When more than {full} of the last {of} answers of a carrier say ESME_RMSGQFUL, it means itself: a throttle. After a
throttle the rate is halved, and grows again by a tenth every 10 s; after {row} in a row nothing is sent for {pause} s,
and neither is after a refusal of the account.

"""


def document() -> str:
    """The whole page."""
    return "".join(
        (
            HEAD,
            table(("state", "truth", "final", "means", "how sure"), state_rows()),
            WORDS,
            table(("state", "BSG REST v1", "BSG One API", "Infobip status"), word_rows()),
            FLAGGED,
            table(("flag", "means"), ((f"`{flag}`", FLAGS[flag]) for flag in Flag)),
            REASONED,
            table(
                (
                    "reason",
                    "means",
                    "class",
                    "state",
                    "stage",
                    "v1",
                    "One API",
                    "Infobip status",
                    "Infobip error",
                ),
                reason_rows(),
            ),
            REFUSED,
            table(("fault", "reason", "BSG REST v1", "BSG One API", "Infobip status"), fault_rows()),
            RECEIPTED,
            table(("`stat`", "`message_state`", "claims", "reason unless `err` names one"), receipt_rows()),
            NUMBERED,
            table(
                ("`err`", "reason"),
                ((str(number), f"`{why}`") for number, why in sorted(MAP_REASONS.items())),
            ),
            ANSWERED.format(
                unknown=waits(UNKNOWN_STATUS),
                full=pace.QUEUE_FULL_MOST,
                of=pace.QUEUE_FULL_OF,
                row=pace.IN_A_ROW_MAX,
                pause=round(pace.PAUSE_S),
            ),
            table(
                ("what is done", "after seconds", "then it ends as", "next route", "`command_status`"),
                answer_rows(),
            ),
        )
    )


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    ruled = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in ruled)


def state_rows() -> Iterator[Sequence[str]]:
    """What each state means."""
    for state in State:
        meaning = MEANING[state]
        final = "yes" if state in FINAL else "no"
        yield f"`{state}`", truth(state), final, meaning.what, meaning.sure


def word_rows() -> Iterator[Sequence[str]]:
    """What each state is called: the usual word and those that its reasons and confirmations bring."""
    for state in State:
        usual = Standing(state)
        all_of_it = [usual, *variants(state)]
        yield (
            f"`{state}`",
            words(bsg_v1.status_word(one) for one in all_of_it),
            words(bsg_one.status(one) for one in all_of_it),
            words(infobip_status(one) for one in all_of_it),
        )


def variants(state: State) -> Iterator[Standing]:
    """The state with each reason that usually brings it, and as far as a carrier alone vouches for it."""
    for reason in Reason:
        if reason.facts.state is state:
            yield Standing(state, reason, reason.facts.stage)
    yield Standing(state, confirmation=Confirmation.CARRIER)


def words(said: Iterable[str]) -> str:
    """Each word once, the usual one first; where they are many, the next table has the others."""
    usual, *others = (f"`{word}`" for word in dict.fromkeys(said))
    return (
        ", ".join((usual, *others))
        if len(others) < MANY
        else f"{usual}, or by reason one of {len(others)} others"
    )


def infobip_status(standing: Standing) -> str:
    """Its number and name."""
    status = infobip.status(standing, Preferences())
    return f"{status.id} {status.name}"


def infobip_error(standing: Standing) -> str:
    """Its number and name."""
    error = infobip.error(standing, Preferences())
    return f"{error.id} {error.name}"


def reason_rows() -> Iterator[Sequence[str]]:
    """What each reason means, and what a message is called that ended by it in the usual way."""
    for reason in Reason:
        reason_class, state, stage = reason.facts
        standing = Standing(state, reason, stage)
        yield (
            f"`{reason}`",
            REASONS[reason],
            reason_class,
            f"`{state}`",
            stage,
            f"`{bsg_v1.status_word(standing)}`",
            f"`{bsg_one.status(standing)}`",
            infobip_status(standing),
            infobip_error(standing),
        )


def fault_rows() -> Iterator[Sequence[str]]:
    """What is said of each fault."""
    for fault in Fault:
        code = bsg_v1.ERRORS[fault]
        complaint = bsg_one.COMPLAINTS[fault]
        where = f"`{complaint.path.replace('{row}', '0')}`: " if complaint.path else ""
        status = infobip.refused(fault)
        yield (
            f"`{fault}`",
            f"`{REASON[fault]}`",
            f"{int(code)} {bsg_v1.DESCRIPTIONS[code]}",
            f"{where}{complaint.text}",
            f"{status.id} {status.name}",
        )


def receipt_rows() -> Iterator[Sequence[str]]:
    """What each word of a receipt claims."""
    numbers = {word: number for number, word in MESSAGE_STATE.items()}
    for word, state in STATES.items():
        said = f"`{state}`" if state else "nothing; with `--unknown-is-final`: `no_receipt`"
        failed = state in {State.UNDELIVERABLE, State.EXPIRED, State.REJECTED, State.CANCELLED}
        reason = USUAL_REASON.get(word, Reason.UNSPECIFIED_FAILURE) if failed else None
        yield f"`{word}`", str(numbers.get(word, "")), said, f"`{reason}`" if reason else ""


def answer_rows() -> Iterator[Sequence[str]]:
    """What is done after each status of a submission's answer."""
    found: dict[tuple[Next, Reason, str], list[str]] = {}
    for number in sorted(STATUSES):
        said = refused(number, b"")
        again = waits(said.retries) if said.next is Next.RETRY else ""
        found.setdefault((said.next, said.reason, again), []).append(f"0x{number:02x} {Status(number).name}")
    for then, reason, again in sorted(found, key=lambda key: [*Next].index(key[0])):
        codes = ", ".join(found[then, reason, again])
        ends = f"`{reason}`" if then in {Next.GIVE_UP, Next.RETRY} else ""
        elsewhere = "yes" if is_the_routes(reason) and then is not Next.THROTTLE else "no"
        yield then.replace("_", " "), again, ends, elsewhere, codes


def waits(retries: Retries) -> str:
    """How long a message waits before each retry."""
    return ", ".join(f"{retries.wait_s(n):g}" for n in range(1, retries.most + 1))


if __name__ == "__main__":
    PAGE.write_text(document())
