"""The one statement that a batch of evidence is written with."""

from tidings.store.folded import SECTIONS, statement


def test_what_many_messages_share_stands_before_the_rest_and_so_is_written_after_it():
    text = statement(tuple(one.name for one in SECTIONS), hears=True)
    starts = {one.name: text.index(f"{one.name} as (") for one in SECTIONS}
    shared = [starts[one.name] for one in SECTIONS if not one.of_each]
    assert max(shared) < min(text.index("packs as ("), *(starts[one.name] for one in SECTIONS if one.of_each))
