"""The tables, whole: what each word, error number and status means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.connectors.smpp import words
from tidings.connectors.smpp.codes import Status
from tidings.connectors.smpp.words import Claim, ReceiptClass, StatusRule, Trust, claim, error, refused
from tidings.domain.outcome import RETRIES, Next
from tidings.domain.reason import Reason
from tidings.domain.status import NEGATIVE, Confirmation, State

HANDSET = Trust(ReceiptClass.HANDSET)
MAP = Trust(ReceiptClass.HANDSET, err_is_map=True)
WEAK = [ReceiptClass.CARRIER, ReceiptClass.UNTRUSTED, ReceiptClass.NONE]

SAID = {
    "SCHEDLD ENROUTE BUFFRED BUFFERD BUFFERED": Claim(State.ENROUTE),
    "DELIVRD DELIVERD DELIVERED": Claim(State.DELIVERED, Confirmation.HANDSET),
    "EXPIRED": Claim(State.EXPIRED, reason=Reason.VALIDITY_EXPIRED),
    "DELETED": Claim(State.CANCELLED, reason=Reason.DELETED),
    "SKIPPED": Claim(State.CANCELLED, reason=Reason.SKIPPED),
    "UNDELIV UNDELIVERED UNDELIVERABLE FAILED": Claim(State.UNDELIVERABLE, reason=Reason.UNSPECIFIED_FAILURE),
    "REJECTD REJECTED": Claim(State.REJECTED, reason=Reason.REJECTED_BY_OPERATOR),
    "ACCEPTD ACCEPTED ACKED": Claim(State.AT_CARRIER, Confirmation.CARRIER),
    "UNKNOWN": Claim(None),
}
EACH = [(word, said) for row, said in SAID.items() for word in row.split()]


@pytest.mark.parametrize(("word", "said"), EACH)
def test_every_word_means_what_the_table_says(word: str, said: Claim) -> None:
    assert claim(word, None, intermediate=False, trust=HANDSET) == said
    assert claim(word.title(), "000", intermediate=False, trust=HANDSET) == said


def test_no_word_is_forgotten() -> None:
    assert {word for word, _ in EACH} == set(words.STATES)
    assert set(words.MESSAGE_STATE.values()) <= set(words.STATES)
    assert list(words.MESSAGE_STATE) == list(range(10))


@given(st.text(max_size=12))
def test_a_word_outside_the_table_is_a_note(word: str) -> None:
    if word.upper() not in words.STATES:
        assert claim(word, "1", intermediate=False, trust=MAP) == Claim(None)


@pytest.mark.parametrize("word", ["DELIVRDX", "DELIVERY", "DELIV", "NACK", "BADSTAT", "0", "", "UNDELIVX"])
@pytest.mark.parametrize("intermediate", [True, False])
def test_no_word_is_guessed_by_its_beginning(word: str, intermediate: bool) -> None:
    assert claim(word, None, intermediate=intermediate, trust=HANDSET) == Claim(None)


@pytest.mark.parametrize("receipt_class", WEAK)
@pytest.mark.parametrize("word", ["DELIVRD", "DELIVERED", "DELIVERD"])
def test_delivered_is_worth_what_the_carrier_certifies(word: str, receipt_class: ReceiptClass) -> None:
    said = claim(word, None, intermediate=False, trust=Trust(receipt_class))
    if receipt_class is ReceiptClass.UNTRUSTED:
        assert said == Claim(State.AT_CARRIER, Confirmation.NONE, untrusted=True)
    else:
        assert said == Claim(State.AT_CARRIER, Confirmation.CARRIER)


@pytest.mark.parametrize("receipt_class", WEAK)
@pytest.mark.parametrize(("word", "said"), [one for one in EACH if one[1].state is not State.DELIVERED])
def test_only_delivered_is_weighed(word: str, said: Claim, receipt_class: ReceiptClass) -> None:
    assert claim(word, None, intermediate=False, trust=Trust(receipt_class)) == said


@pytest.mark.parametrize(("word", "said"), EACH)
def test_an_intermediate_negative_is_still_trying(word: str, said: Claim) -> None:
    got = claim(word, "6", intermediate=True, trust=MAP)
    if said.state in NEGATIVE:
        assert got == Claim(State.ENROUTE, reason=Reason.ABSENT_SUBSCRIBER_SM)
    else:
        assert got == said, "positive evidence counts wherever it comes"


def test_unknown_ends_a_message_only_where_it_is_known_as_a_last_word() -> None:
    final = Trust(ReceiptClass.HANDSET, unknown_is_final=True)
    said = claim("UNKNOWN", None, intermediate=False, trust=final)
    assert said == Claim(State.NO_RECEIPT, reason=Reason.NO_RECEIPT)
    assert claim("UNKNOWN", None, intermediate=True, trust=final) == Claim(None)
    assert claim("WEIRDST", None, intermediate=False, trust=final) == Claim(None)


MAP_ROWS = {
    1: Reason.UNKNOWN_SUBSCRIBER,
    5: Reason.UNIDENTIFIED_SUBSCRIBER,
    6: Reason.ABSENT_SUBSCRIBER_SM,
    8: Reason.ROAMING_NOT_ALLOWED,
    9: Reason.ILLEGAL_SUBSCRIBER,
    11: Reason.TELESERVICE_NOT_PROVISIONED,
    12: Reason.ILLEGAL_EQUIPMENT,
    13: Reason.CALL_BARRED,
    21: Reason.FACILITY_NOT_SUPPORTED,
    27: Reason.ABSENT_SUBSCRIBER,
    31: Reason.SUBSCRIBER_BUSY,
    32: Reason.SM_DELIVERY_FAILURE,
    33: Reason.WAITING_LIST_FULL,
    34: Reason.SYSTEM_FAILURE,
    256: Reason.MEMORY_FULL,
}


@given(st.integers(0, 99_999), st.sampled_from(["{}", "{:03}", "{:05}"]))
def test_map_numbers_become_reasons_or_pass_through(number: int, form: str) -> None:
    reason = MAP_ROWS.get(number)
    passes = None if reason or not number else number
    assert error(form.format(number), MAP) == (reason, passes)


@pytest.mark.parametrize("err", ["21b", "-1", "", "١", "1234567", "0x1", " 1"])
def test_what_is_no_number_is_no_map_error(err: str) -> None:
    assert error(err, MAP) == (None, None)


def test_error_numbers_mean_nothing_unless_the_operator_says_so() -> None:
    assert error("1", HANDSET) == (None, None)
    said = claim("UNDELIV", "1", intermediate=False, trust=HANDSET)
    assert said == Claim(State.UNDELIVERABLE, reason=Reason.UNSPECIFIED_FAILURE)


def test_the_connectors_own_table_comes_before_the_numbers() -> None:
    table = {"1": Reason.CONTENT_BLOCKED, "21b": Reason.DND}
    trust = Trust(ReceiptClass.HANDSET, err_is_map=True, err_table=table)
    assert error("001", trust) == (Reason.CONTENT_BLOCKED, None)
    assert error("21b", trust) == (Reason.DND, None)
    assert error("6", trust) == (Reason.ABSENT_SUBSCRIBER_SM, None)


@pytest.mark.parametrize(
    ("word", "err", "said"),
    [
        ("UNDELIV", "027", Claim(State.UNDELIVERABLE, reason=Reason.ABSENT_SUBSCRIBER)),
        ("EXPIRED", "27", Claim(State.EXPIRED, reason=Reason.ABSENT_SUBSCRIBER)),
        ("REJECTD", "13", Claim(State.REJECTED, reason=Reason.CALL_BARRED)),
        ("UNDELIV", "7", Claim(State.UNDELIVERABLE, reason=Reason.UNSPECIFIED_FAILURE, network_error=7)),
        ("EXPIRED", "257", Claim(State.EXPIRED, reason=Reason.VALIDITY_EXPIRED, network_error=257)),
        ("DELETED", "27", Claim(State.CANCELLED, reason=Reason.DELETED)),
        ("DELIVRD", "27", Claim(State.DELIVERED, Confirmation.HANDSET)),
    ],
)
def test_the_error_explains_the_negative_word(word: str, err: str, said: Claim) -> None:
    assert claim(word, err, intermediate=False, trust=MAP) == said


GIVE_UP_CONFIG = "02 06 07 15 43 48 49 50 51 54 55 61 63 c0 c1 c2 c3 c4 104"
GIVE_UP_REFUSED = "33 34 40 42 44 65 66 105 106"
HOLD = "03 0d 0e 0f 53 100 101 103"
SESSION = "04 05"
RETRY = "08 0c 11 13 64 67 ff 102"
STATUS_ROWS = {
    **dict.fromkeys(GIVE_UP_CONFIG.split(), (Reason.ROUTE_CONFIG, Next.GIVE_UP)),
    **dict.fromkeys(GIVE_UP_REFUSED.split(), (Reason.SMSC_REFUSED, Next.GIVE_UP)),
    **dict.fromkeys(HOLD.split(), (Reason.ROUTE_CONFIG, Next.HOLD)),
    **dict.fromkeys(SESSION.split(), (Reason.PLATFORM_ERROR, Next.HOLD)),
    **dict.fromkeys(RETRY.split(), (Reason.SUBMIT_RETRIES_EXHAUSTED, Next.RETRY)),
    "01": (Reason.TOO_LONG, Next.GIVE_UP),
    "0a": (Reason.SMSC_REFUSED_SENDER, Next.GIVE_UP),
    "0b": (Reason.SMSC_REFUSED_NUMBER, Next.GIVE_UP),
    "14": (Reason.DEST_QUEUE_FULL, Next.RETRY),
    "45": (Reason.SMSC_REFUSED, Next.RETRY),
    "58": (Reason.SUBMIT_RETRIES_EXHAUSTED, Next.THROTTLE),
    "62": (Reason.ROUTE_CONFIG, Next.RETRY),
    "fe": (Reason.UNSPECIFIED_FAILURE, Next.GIVE_UP),
}


@pytest.mark.parametrize("code", STATUS_ROWS)
def test_every_status_means_what_the_table_says(code: str) -> None:
    refusal = refused(int(code, 16), b"raw")
    assert (refusal.reason, refusal.next) == STATUS_ROWS[code]
    assert refusal.code == f"0x{int(code, 16):08x} {Status(int(code, 16)).name}"
    assert refusal.raw == b"raw"


def test_no_status_is_forgotten() -> None:
    assert {int(code, 16) for code in STATUS_ROWS} == set(Status) - {Status.ESME_ROK} == set(words.STATUSES)


@given(st.integers(0, 2**32 - 1))
def test_an_unknown_status_is_tried_again_and_kept(status: int) -> None:
    if status not in words.STATUSES:
        refusal = refused(status, b"")
        assert refusal.next is Next.RETRY
        assert refusal.code.startswith(f"0x{status:08x}")


WAITS_S = {
    "14": [60, 120, 180, 180, 180],
    "45": [30],
    "62": [1],
    "499": [30, 60],  # in no table
    **{code: [30, 60, 120, 240] for code in RETRY.split()},
}


@pytest.mark.parametrize("code", WAITS_S)
def test_what_may_pass_is_tried_again_as_often_and_as_late_as_it_is_worth(code: str) -> None:
    refusal = refused(int(code, 16), b"")
    assert refusal.next is Next.RETRY
    retries = refusal.retries
    assert [retries.wait_s(n) for n in range(1, retries.most + 1)] == WAITS_S[code]


def test_every_status_that_may_pass_has_its_waits_tested() -> None:
    assert {code for code, (_, then) in STATUS_ROWS.items() if then is Next.RETRY} == set(WAITS_S) - {"499"}


def test_what_the_operator_knows_is_tried_as_often_as_is_usual() -> None:
    known = refused(0x499, b"", rules={0x499: StatusRule(Next.RETRY)})
    assert known.retries == RETRIES


@pytest.mark.parametrize("code", [code for code, (_, then) in STATUS_ROWS.items() if then is Next.HOLD])
def test_what_is_the_accounts_is_told_from_what_is_the_sessions(code: str) -> None:
    assert words.is_the_accounts(refused(int(code, 16), b"")) == (code in HOLD.split())


def test_a_nack_about_our_pdu_is_not_repeated() -> None:
    for status in (Status.ESME_RINVCMDID, Status.ESME_RINVCMDLEN):
        assert refused(status, b"", nack=True).next is Next.GIVE_UP
    assert refused(Status.ESME_RINVCMDID, b"").next is Next.HOLD
    assert refused(Status.ESME_RTHROTTLED, b"", nack=True).next is Next.THROTTLE


def test_an_operators_rule_comes_before_the_table() -> None:
    rules = {0x410: StatusRule(Next.HOLD, Reason.NO_CREDIT), 0x45: StatusRule(Next.GIVE_UP)}
    vendor, standard = refused(0x410, b"", rules=rules), refused(0x45, b"", rules=rules)
    assert (vendor.reason, vendor.next) == (Reason.NO_CREDIT, Next.HOLD)
    assert (standard.reason, standard.next) == (Reason.SMSC_REFUSED, Next.GIVE_UP)
