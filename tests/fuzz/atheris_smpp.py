"""Coverage-guided fuzzing of everything that reads a carrier's octets.

Not run by pytest; needs `pip install atheris`:

    python tests/fuzz/atheris_smpp.py -max_total_time=3600
"""

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent))

with atheris.instrument_imports():
    from smpp_stream import hear


def one_input(octets: bytes) -> None:
    """The first octet says how the rest is cut."""
    step = (octets[0] if octets else 0) + 1
    rest = octets[1:]
    hear([rest[at : at + step] for at in range(0, len(rest), step)])


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
