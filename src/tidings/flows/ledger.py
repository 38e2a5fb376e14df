"""What a transaction has promised so far: money and customers' own keys."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat

import msgspec

from tidings.domain.money import Units
from tidings.domain.order import Draft, Order
from tidings.flows.records import Funds, MoneyMove, OwnKey


@dataclass(slots=True)
class Ledger:
    """By account."""

    funds: dict[int, Funds]
    taken: set[OwnKey]
    moves: dict[int, MoneyMove] = field(default_factory=dict)
    short: bool = False  # somebody had not enough

    def hold(self, account_id: int, price: Units, *, messages: int = 1) -> bool:
        """Hold the price of so many messages if there is enough."""
        funds = self.funds[account_id]
        if not price:
            return True
        if price > funds.available:
            self.short = True
            return False
        move = self.moves.get(account_id)
        if move is None:
            move = self.moves[account_id] = MoneyMove()
        funds.balance -= price
        move.hold += price
        move.held_messages += messages
        return True

    def claim(self, account_id: int, draft: Draft) -> None:
        """The customer's own keys are this message's from now on."""
        if draft.reference is not None:
            self.taken.add((account_id, "reference", draft.reference))
        if draft.message_key is not None:
            self.taken.add((account_id, "message", draft.message_key))

    def claim_references(self, account_id: int, references: Sequence[str]) -> bool:
        """The same of many references; False if one is taken or comes twice, and this ledger is of no more use."""
        before = len(self.taken)
        self.taken.update(zip(repeat(account_id), repeat("reference"), references))
        return len(self.taken) == before + len(references)

    def copy_of(self, account_id: int) -> tuple[int, Units, MoneyMove]:
        """How an account stands now, for `undo`."""
        promised = self.moves.get(account_id)
        move = msgspec.structs.replace(promised) if promised else MoneyMove()
        return account_id, self.funds[account_id].balance, move

    def undo(self, copy: tuple[int, Units, MoneyMove], keys: Sequence[OwnKey]) -> None:
        """Take back what was promised since the copy was made, these keys among it."""
        account_id, balance, move = copy
        self.funds[account_id].balance = balance
        self.moves[account_id] = move
        self.taken.difference_update(keys)


def own_keys(order: Order, drafts: Sequence[Draft]) -> list[OwnKey]:
    """The keys that the customer chose for these messages."""
    account_id = order.caller.account.id
    references = [(account_id, "reference", one.reference) for one in drafts if one.reference is not None]
    return references + [
        (account_id, "message", one.message_key) for one in drafts if one.message_key is not None
    ]
