"""One-time codes: `{gen_otp_<set>,<length>}` in the text of an `otp` request becomes a code that we draw."""

import re
import string
from collections.abc import Callable

from tidings.dialects.bsg_v1.words import Code, Problem

SETS = {
    "09": string.digits,
    "az": string.ascii_lowercase,
    "AZ": string.ascii_uppercase,
    "aZ": string.ascii_letters,
    "a9": string.ascii_letters + string.digits,
    "**": string.ascii_letters + string.digits + "!#$%&*+-=?@",
    "": string.ascii_letters + string.digits + "!#$%&*+-=?@",  # one page lost the stars in print
}
"""What a set's name stands for; blanks around the names are tolerated, as one page prints them."""

MAX_CHARACTERS = 32
_PATTERN = re.compile(r"\{\s*gen_otp_([^,{}]{0,4}),\s*([0-9]{1,3})\s*\}")

Draw = Callable[[str], str]
"""Chooses one character of a set; in production from the system's randomness."""


def fill(body: str, draw: Draw) -> tuple[str, str]:
    """The text with its code in place of every pattern, and the code. Raises Problem 34 without a valid pattern."""
    pattern = _PATTERN.search(body)
    characters = SETS.get(pattern[1].strip()) if pattern else None
    length = int(pattern[2]) if pattern else 0
    if characters is None or not 1 <= length <= MAX_CHARACTERS:
        raise Problem(Code.BAD_OTP)
    code = "".join(draw(characters) for _ in range(length))
    return _PATTERN.sub(lambda _: code, body), code
