"""The options of `tidings connector`: one for each setting of an SMPP connector, typed as the setting is."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
from msgspec import NODEFAULT, inspect

from tidings.app.connectors import PASSWORD_ENV, PASSWORD_FILE
from tidings.connectors.smpp.config import SmppConfig
from tidings.domain.outcome import Next
from tidings.domain.reason import Reason

Command = TypeVar("Command", bound=Callable[..., Any])

HELP: dict[str, str] = {
    "host": "Where the SMSC listens: a name or an address.",
    "port": "Its port, often 2775; 3550 with TLS.",
    "system_id": "Our name at the carrier.",
    "receipt_class": (
        "What this carrier's DELIVRD is worth, as you tested it with a phone that was off. handset: the phone has it. "
        "carrier: the next network took it. untrusted: said for phones that were off, too. none: no receipts are "
        "promised. Only `handset` makes messages delivered."
    ),
    "tls": "Speak TLS.",
    "tls_ca_file": "Who vouches for the carrier's certificate; else the system's authorities.",
    "tls_verify": "Refuse a certificate that nobody vouches for.",
    "system_type": "As the carrier wants it.",
    "bind_mode": "What to bind as; transmitter_receiver is one session of each.",
    "binds": "Sessions, or pairs of them.",
    "interface_version": "The version we say: 52 is 3.4.",
    "addr_ton": "Type of number of --address-range.",
    "addr_npi": "Numbering plan of --address-range.",
    "address_range": "Which addresses' messages we take, as the carrier wants it.",
    "window": "Unanswered submissions of one session.",
    "rate_per_s": "Submissions a second, all sessions together; 0: no limit.",
    "service_type": "As the carrier wants it.",
    "source_ton": "Type of number of senders; else by what the sender is made of.",
    "source_npi": "Numbering plan of senders; else as above.",
    "dest_ton": "Type of number of recipients; else 1, international.",
    "dest_npi": "Numbering plan of recipients; else 1, ISDN.",
    "gsm_alphabet": "What data_coding 0 means to this carrier.",
    "validity_form": "How to write until when a message is to be tried.",
    "id_form": "How receipts spell the ids of submissions, where they do not repeat them exactly.",
    "receipt_parts": "Which parts of a long message the carrier sends receipts for.",
    "err_is_map": "The numbers in `err:` are those of GSM MAP.",
    "unknown_is_final": "UNKNOWN says that no other receipt will come.",
    "guess_receipts": "Read texts that look like receipts as receipts although they are not marked so.",
    "receipt_timezone_minutes": "How far the times in receipts are ahead of UTC.",
    "connect_within_s": "Seconds until a connection must stand.",
    "bind_within_s": "Seconds until a bind must be answered.",
    "answer_timeout_s": "Seconds until an unanswered submission is in doubt; else courier.answer_timeout_s.",
    "late_answer_s": "Seconds from a submission until its answer is not waited for at all.",
    "enquire_idle_s": "Seconds of silence until the carrier is asked for a sign of life.",
    "enquire_within_s": "Seconds that sign may take.",
    "unbind_within_s": "Seconds that a goodbye may take.",
    "reconnect_min_s": "Seconds until a lost session is tried again; doubled each time.",
    "reconnect_max_s": "And never more than these.",
    "refused_wait_s": "Seconds to wait after our credentials were refused: carriers lock accounts that insist.",
    "stable_after_s": "Seconds after which a session counts as stable.",
}
"""What is said of each setting. The tables, and the password, have options of their own below."""

NAMES = {"rate_per_s": "rate"}


def smpp_options(*, required: bool) -> Callable[[Command], Command]:
    """Give a command all the options; `required`: those without a default must be given."""

    def give(command: Command) -> Command:
        options = list(_options(required=required))
        for option in reversed(options):
            command = option(command)
        return command

    return give


def settings_of(options: dict[str, Any]) -> dict[str, Any]:
    """The settings that the options of a command line say, and no others."""
    given = {name: value for name, value in options.items() if value is not None and value != ()}
    for name in ("tls_ca_file", PASSWORD_FILE):
        if name in given:
            given[name] = str(Path(given[name]).expanduser().absolute())  # couriers run elsewhere
    for name in ("err_table", "status_table"):
        if name in given:
            given[name] = dict(given[name])
    return given


def _options(*, required: bool) -> Iterator[Callable[[Command], Command]]:
    info = inspect.type_info(SmppConfig)
    assert isinstance(info, inspect.StructType)
    for one in info.fields:
        if one.name in HELP:
            yield _option(one, required=required)
        if one.name == "system_id":
            yield from _password_options()
        if one.name == "err_is_map":
            yield from _table_options()


def _option(one: inspect.Field, *, required: bool) -> Callable[[Command], Command]:
    flag = NAMES.get(one.name, one.name.removesuffix("_s")).replace("_", "-")
    text = HELP[one.name]
    if one.default not in (NODEFAULT, None, ""):
        text += f"  [default: {_shown(one.default)}]"
    if isinstance(one.type, inspect.BoolType):
        return click.option(f"--{flag}/--no-{flag}", one.name, default=None, help=text)
    needed = required and one.required
    return click.option(f"--{flag}", one.name, type=_type(one.type), required=needed, help=text)


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    return str(default)


def _type(kind: inspect.Type) -> Any:
    """How the command line reads a value of a setting's type."""
    match kind:
        case inspect.UnionType():
            return _type(next(one for one in kind.types if not isinstance(one, inspect.NoneType)))
        case inspect.IntType():
            return click.IntRange(kind.ge, kind.le)
        case inspect.FloatType():
            above = kind.gt is not None
            return click.FloatRange(kind.gt if above else kind.ge, kind.le, min_open=above)
        case inspect.LiteralType():
            return click.Choice([str(value) for value in kind.values])
        case inspect.EnumType():
            return click.Choice([str(value) for value in kind.cls])
        case _:
            return click.STRING


def _password_options() -> Iterator[Callable[[Command], Command]]:
    yield click.option(
        "--password-file",
        PASSWORD_FILE,
        metavar="FILE",
        help="The file that holds the password, read when the gateway binds. The password itself is never stored.",
    )
    yield click.option(
        "--password-env",
        PASSWORD_ENV,
        metavar="NAME",
        help="The gateway's environment variable that holds it.",
    )


def _table_options() -> Iterator[Callable[[Command], Command]]:
    yield click.option(
        "--err",
        "err_table",
        multiple=True,
        type=_err,
        metavar="ERR=REASON",
        help="What an error number in this carrier's receipts means, e.g. 034=system_failure; repeat.",
    )
    yield click.option(
        "--status",
        "status_table",
        multiple=True,
        type=_status,
        metavar="CODE=DO[:REASON]",
        help=f"What to do after a status of this carrier's: {', '.join(Next)}; e.g. 0x410=throttle; repeat.",
    )


def _err(text: str) -> tuple[str, str]:
    number, _, reason = text.partition("=")
    if not number:
        raise click.BadParameter(f"{text!r}: a number and a reason are wanted, as in 034=system_failure")
    return number, _reason(reason)


def _status(text: str) -> tuple[str, dict[str, str]]:
    number, _, rule = text.partition("=")
    then, _, reason = rule.partition(":")
    if not number or then not in set(Next):
        raise click.BadParameter(
            f"{text!r}: a status and one of {', '.join(Next)} are wanted, as in 0x410=throttle"
        )
    return number, {"next": then, **({"reason": _reason(reason)} if reason else {})}


def _reason(text: str) -> str:
    try:
        return str(Reason(text.lower()))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a reason; there are: {', '.join(Reason)}") from None
