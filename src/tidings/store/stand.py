"""How a message stands: as its delivery says, or, where nothing was heard of it yet, as it was accepted.

A message that waits for its turn has no row of `delivery`: what it begins with is in its own row, which is written
once. Whoever reads reads both, by the expressions here; whoever is to change a delivery first has it brought into being
(store/deliveries.py), or writes it with what was heard (store/folded.py).
"""

TIMES = (
    "first_written_at", "sent_at", "delivered_at", "done_at", "report_at", "read_at", "negative_at",
)  # fmt: skip
"""When a delivery came to what."""

BILLED = "case when m.test then 0 else m.price end"
"""What it may cost."""

_STATE = "case when m.scheduled_for is null then 'queued' else 'scheduled' end"

OPENING = {
    "version": "1",
    "state": f"{_STATE}::delivery_state",
    "held": BILLED,
    # As `deliveries.spell_attempts` has it.
    "attempts": f"""format('[[%s,%s,false,[%s["%s"]]]]', m.connector_id, m.route_id,
        repeat('["' || {_STATE} || '"],', m.parts - 1), {_STATE})::json""",
}
"""What the delivery begins with of a message `m` that was accepted for sending; the rest is as nothing has happened."""

STAND = {
    "account_id": "m.account_id",
    "message_id": "m.id",
    **{name: f"coalesce(d.{name}, {begun})" for name, begun in OPENING.items()},
    "reason": "d.reason",
    "stage": "d.stage",
    "confirmation": "coalesce(d.confirmation, 'none')",
    "inferred": "coalesce(d.inferred, false)",
    "network_error": "d.network_error",
    "flags": "d.flags",
    **{name: f"d.{name}" for name in TIMES},
    "charged": "coalesce(d.charged, 0)",
    "reports": "coalesce(d.reports, 0)",
    "evidence": "m.evidence || coalesce(d.evidence, '')",
    "fingerprints": "d.fingerprints",
    "price": BILLED,
    "counted_task": "case when m.counted then m.task_id end",
    "callback_lane": "m.callback_lane",
    "callback_each": "m.callback_each",
}
"""What is said of a message `m` whose delivery, if there is one, is `d`."""


def stand(*names: str) -> str:
    """These, for a `select` that has `m` and `d`."""
    return ", ".join(f"{STAND[name]} as {name}" for name in names)


# `offset 0` makes it a question of its own, asked for one row after the other by the table's key, whatever the planner
# thinks of the tables' sizes.
_DELIVERY = """
left join lateral (
    select * from delivery where account_id = m.account_id and message_id = m.id{among} offset 0) d on true"""
DELIVERY = _DELIVERY.format(among="")


def delivery_among(span: str) -> str:
    """DELIVERY for messages whose ids are known beforehand to be in a span: partitions beyond it are never opened."""
    return _DELIVERY.format(among=f" and message_id {span}")


ALL = f"""(
    select {stand(*STAND)}
    from message m left join delivery d on d.account_id = m.account_id and d.message_id = m.id)"""
"""How all messages stand, for statements that look at all of them."""
