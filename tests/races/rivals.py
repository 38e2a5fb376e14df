"""Orders of one account by more than one process."""

from collections.abc import Sequence

from world import World

from tidings.app.house import House
from tidings.domain.errors import Fault
from tidings.domain.order import Draft, OnFault, Order, Taken
from tidings.flows.gateway import Gateway


async def order(
    world: World, house: House | Gateway, *references: str, as_of: int | None = None
) -> Sequence[Taken | Fault]:
    """What becomes of messages with these references."""
    caller = await house.caller_by_key(world.key)
    drafts = [
        Draft(f"38097200{number:04d}", "Tidings", "hello", reference)
        for number, reference in enumerate(references)
    ]
    asked = Order(caller, "native", drafts, on_fault=OnFault.SKIP, validity_s=3600)
    return (await house.accept(asked, as_of=as_of)).rows
