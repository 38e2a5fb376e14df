"""`python -m bench [ROW …]`: measure, print a table, write bench/results/latest.json."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

import asyncpg
import uvloop

from bench.books import Books
from bench.load import BadRun
from bench.plan import follow, restart, rows_of
from bench.results import LATEST, Results, machine
from bench.rows import ROWS
from bench.setting_up import set_up
from bench.sizes import FULL, BadSize, Sizes
from bench.stand import Stand
from bench.strain import Trials
from tidings.domain.errors import Misconfigured

KEEP = "BENCH_KEEP"


def main() -> int:
    """Run the bench; 1 if a run has no result."""
    asked = _arguments()
    try:
        wanted = rows_of(asked.rows)
        sizes = Sizes.of({**FULL, **os.environ} if asked.full else os.environ)
    except (BadSize, KeyError) as wrong:
        _tell(f"{wrong}; the rows are: {', '.join(ROWS)}")
        return 2
    here, began = machine(), time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="tidings-bench-", dir=os.environ.get("BENCH_DIR")))
    directory.chmod(0o711)  # PostgreSQL's user must pass
    try:
        results = uvloop.run(_measure(directory, sizes, wanted))
    except (BadRun, Misconfigured) as failed:
        _tell(f"no result: {failed}")
        return 1
    finally:
        _clear(directory)
    results.write()
    print(f"{here}\n{sizes}\nin {time.monotonic() - began:.0f} s; written to {LATEST}\n")
    print(results.table(), *results.remarks(), sep="\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"only these of: {', '.join(ROWS)}")
    parser.add_argument("--full", action="store_true", help="large sizes, for figures to rely on")
    return parser.parse_args()


async def _measure(directory: Path, sizes: Sizes, wanted: Collection[str]) -> Results:
    """Everything, and the invariants at the end: a bench that breaks one has no result."""
    stand = Stand(directory)
    try:
        await stand.start()
        customers = set_up(stand)
        connection = await asyncpg.connect(stand.database_url)
        books = Books(connection)
        if sizes.stored:
            await books.make_room(sizes.stored)
        bench = Trials(stand, books, customers=customers, sizes=sizes)
        await follow(bench, wanted, tell=_tell)
        _tell("checking the invariants")
        await books.verify(from_id=bench.first_id)
        await connection.close()
        await restart(bench, wanted)
        return bench.results
    except Exception:
        _tell(stand.log_tail())
        raise
    finally:
        stand.stop()


def _clear(directory: Path) -> None:
    if os.environ.get(KEEP):
        _tell(f"the data are kept in {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
