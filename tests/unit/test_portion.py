"""How many messages are claimed at a time."""

from tidings.app.portion import CLAIM_WITHIN_S, LEAST, Portion

MOST = 500


def after(portion, claims, *, each_s):
    """What it gives after so many full claims that took so long each."""
    now_s, size = 100.0, 0
    for _ in range(claims):
        size = portion.begin(now_s)
        portion.claimed(size)
        now_s += each_s
    return size


def test_where_claims_are_quick_as_many_as_possible_are_claimed():
    assert after(Portion(MOST), 10, each_s=CLAIM_WITHIN_S / 2) == MOST


def test_what_takes_too_long_becomes_smaller_until_it_does_not():
    portion, now_s = Portion(MOST), 0.0
    for _ in range(10):  # 2,500 messages leave in a second
        size = portion.begin(now_s)
        portion.claimed(size)
        now_s += size / 2_500
    assert abs(size - 2_500 * CLAIM_WITHIN_S) <= 2


def test_it_never_becomes_so_small_that_claiming_is_all_there_is_to_do():
    assert after(Portion(MOST), 20, each_s=5.0) == LEAST


def test_it_grows_again():
    portion = Portion(MOST)
    assert after(portion, 5, each_s=1.0) < after(portion, 20, each_s=CLAIM_WITHIN_S / 2) == MOST


def test_a_claim_that_found_less_says_nothing():
    portion = Portion(MOST)
    after(portion, 5, each_s=1.0)
    portion.begin(0.0)
    portion.claimed(LEAST - 1)
    assert portion.begin(60.0) == MOST


def test_it_is_never_more_than_the_line_may_claim():
    assert after(Portion(7), 20, each_s=5.0) == 7
