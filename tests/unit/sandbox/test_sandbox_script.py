"""Fault scripts: what may stand in one, whom its rules strike, and that a seed tells the same story again."""

import pytest

from tidings.connectors.sandbox.content import Content
from tidings.connectors.sandbox.events import Part
from tidings.connectors.sandbox.faults import Faults
from tidings.connectors.sandbox.outcomes import OTHERWISE
from tidings.connectors.sandbox.plan import EFFECTS, Cut, Plan
from tidings.connectors.sandbox.script import ON_BIND, ON_WIRE, Fault, parse, read_script, shipped
from tidings.connectors.smpp.codes import Status
from tidings.domain.errors import Misconfigured


def rule(fault: str, *lines: str) -> str:
    return "\n".join(["[[rule]]", f'fault = "{fault}"', *lines])


def plans(
    text: str, many: int = 10, *, seed: int = 1, to: str = "31612345678", part: Part | None = None
) -> list[Plan]:
    """What a script plans for so many submissions in a row."""
    faults = Faults(parse(text), seed=seed)
    return [faults.plan(to, Content(part, "", b""), OTHERWISE) for _ in range(many)]


def struck(found: list[Plan]) -> list[int]:
    """Which of them something happened to, counted from 1."""
    return [n for n, one in enumerate(found, 1) if one.faults]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("about = ", "not TOML"),
        ("speed = 1", "unknown field `speed`"),
        (rule("gremlins"), "gremlins"),
        (rule("unbind", "sometimes = true"), "unknown field `sometimes` - at `$.rule[0]`"),
        (rule("unbind", "share = 1.5"), "<= 1.0 - at `$.rule[0].share`"),
        (rule("unbind", "every = 0"), ">= 1"),
        (rule("unbind", "share = 0.5", "nth = 2"), "`share` and `nth` exclude each other"),
        (rule("unbind", "after_s = 2"), "it has no `after_s`"),
        (rule("drop_receipt", "copies = 2"), "it has no `copies`"),
        (rule("contradict", 'words = ["PERHAPS"]'), "'PERHAPS'; known are"),
        (rule("refuse_bind", 'to_suffix = "7"'), "no `to_suffix`"),
        (rule("any_one_part", "every = 2"), "only `share`"),
        (rule("delay_receipt", "after_s = -1"), ">= 0"),
    ],
)
def test_what_can_only_be_a_mistake_is_refused_by_name(text: str, says: str):
    with pytest.raises(Misconfigured) as wrong:
        parse(text, where="x.toml")
    assert says in str(wrong.value) and str(wrong.value).startswith("x.toml")


def test_a_script_that_is_not_there_is_told_with_those_that_are(tmp_path):
    with pytest.raises(Misconfigured, match="half-open"):
        read_script("half-closed")
    with pytest.raises(Misconfigured, match="cannot read"):
        read_script(str(tmp_path / "none.toml"))
    (tmp_path / "mine.toml").write_text(rule("unbind"))
    assert read_script(str(tmp_path / "mine.toml")).rule[0].fault is Fault.UNBIND


def test_every_fault_has_an_effect_and_everything_has_every_fault():
    assert EFFECTS.keys() | ON_BIND | ON_WIRE == set(Fault)
    assert {one.fault for one in read_script("everything").rule} == set(Fault)
    assert all(read_script(name).rule for name in shipped())


@pytest.mark.parametrize(
    ("often", "expected"),
    [
        ((), list(range(1, 11))),
        (("nth = 3",), [3]),
        (("every = 4",), [4, 8]),
        (("first = 2",), [1, 2]),
        (("nth = 3", "burst = 4"), [3, 4, 5, 6]),
        (("share = 1.0",), list(range(1, 11))),
        (("share = 0",), []),
    ],
)
def test_a_rule_strikes_as_often_as_it_says(often: tuple[str, ...], expected: list[int]):
    assert struck(plans(rule("drop_response", *often))) == expected


def test_a_share_is_kept_over_many_and_a_seed_decides_whom():
    text = rule("drop_response", "share = 0.1")
    first = struck(plans(text, 2_000))
    assert 150 < len(first) < 250
    assert struck(plans(text, 2_000)) == first
    assert struck(plans(text, 2_000, seed=2)) != first


def test_one_rule_does_not_shift_the_chances_of_another():
    alone = plans(rule("drop_response", "share = 0.1"), 500)
    beside = plans(f"{rule('drop_response', 'share = 0.1')}\n{rule('drop_receipt', 'share = 0.5')}", 500)
    assert [one.answered for one in alone] == [one.answered for one in beside]


def test_a_rule_counts_only_whom_it_is_about():
    text = rule("drop_response", 'to_prefix = "316"', 'to_suffix = "78"', "nth = 2")
    faults = Faults(parse(text), seed=1)
    numbers = ["31612345678", "49152345678", "31612345679", "31612345678"]
    found = [faults.plan(to, Content(None, "", b""), OTHERWISE) for to in numbers]
    assert struck(found) == [4]


def test_faults_of_parts_leave_short_messages_alone():
    for fault in ("lose_part_receipt", "only_last_part", "any_one_part"):
        assert struck(plans(rule(fault))) == []
    assert struck(plans(rule("lose_part_receipt", "part = 2"), 1, part=Part(7, 3, 1))) == []
    assert struck(plans(rule("lose_part_receipt", "part = 2"), 1, part=Part(7, 3, 2))) == [1]


@pytest.mark.parametrize("destination", [f"3161234567{n}" for n in range(10)])
def test_exactly_one_part_is_spoken_of_in_whatever_order_they_come(destination: str):
    def spoken(order: tuple[int, ...]) -> list[int]:
        faults = Faults(parse(rule("any_one_part")), seed=5)
        plans = {n: faults.plan(destination, Content(Part(7, 3, n), "", b""), OTHERWISE) for n in order}
        return [n for n, one in sorted(plans.items()) if one.outcome.receipts]

    assert len(spoken((1, 2, 3))) == 1
    assert spoken((1, 2, 3)) == spoken((3, 1, 2))


def test_several_faults_strike_one_message():
    text = "\n".join(
        [rule("duplicate_receipt", "after_s = 5"), rule("delay_receipt", "after_s = 10"), rule("unbind")]
    )
    [plan] = plans(text, 1)
    assert [one.after_s for one in plan.manners] == [10, 15]
    assert (plan.cut, plan.answered) == (Cut.UNBIND, False)
    assert set(plan.faults) == {"duplicate_receipt", "delay_receipt", "unbind"}


def test_hurry_divides_the_seconds_and_leaves_the_wire_alone():
    text = "\n".join([rule("delay_response"), rule("delay_receipt", "after_s = 600"), rule("split_pdus")])
    script = parse(text).hurried(10)
    assert {one.fault: one.delay_s for one in script.rule} == {
        Fault.DELAY_RESPONSE: 7,
        Fault.DELAY_RECEIPT: 60,
        Fault.SPLIT_PDUS: 0.005,
    }


def test_when_the_faults_end_nothing_happens_any_more():
    text = "\n".join([rule("throttle"), rule("refuse_bind"), rule("split_pdus")])
    faults = Faults(parse(text), seed=1)
    content = Content(None, "", b"")
    assert faults.plan("31612345678", content, OTHERWISE).refusal == Status.ESME_RTHROTTLED
    assert faults.bind() == Status.ESME_RBINDFAIL and faults.write() is not None

    faults.calm()

    assert faults.plan("31612345678", content, OTHERWISE) == Plan(OTHERWISE)
    assert faults.bind() == 0 and faults.write() is None
