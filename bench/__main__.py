"""`python -m bench [ROW …]`: measure, print a table, write bench/results/latest.json."""

import argparse
import gc
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import uvloop

from bench.books import Books
from bench.load import BadRun
from bench.peer import Peer, PeerBench, add_arguments, peer_of, simulated_smsc
from bench.plan import follow, restart, rows_of
from bench.results import LATEST, Results, Sample, machine
from bench.rows import ROWS
from bench.setting_up import set_up
from bench.sizes import FULL, Sizes
from bench.stand import Stand
from bench.strain import Trials
from tidings.domain.errors import Misconfigured

KEEP = "BENCH_KEEP"
GC_THRESHOLDS = 50_000, 20, 100  # looking for garbage took a third of the load generator's time


def main() -> int:
    """Run the bench; 1 if a run has no result."""
    gc.set_threshold(*GC_THRESHOLDS)
    asked = _arguments()
    try:
        wanted = rows_of(asked.rows)
        sizes = Sizes.of({**FULL, **os.environ} if asked.full else os.environ)
        peer = peer_of(asked)
    except (ValueError, re.error) as wrong:
        _tell(f"{wrong}")
        return 2
    except KeyError as wrong:
        _tell(f"{wrong}; the rows are: {', '.join(ROWS)}")
        return 2
    here, began = machine(), time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="tidings-bench-", dir=os.environ.get("BENCH_DIR")))
    directory.chmod(0o711)  # PostgreSQL's user must pass
    try:
        if asked.peer_self_test:
            results = uvloop.run(_self_test(directory, sizes))
        else:
            results = uvloop.run(_measure(directory, sizes, wanted))
        if peer is not None:
            uvloop.run(_measure_peer(peer, sizes, results))
    except (BadRun, Misconfigured) as failed:
        _tell(f"no result: {failed}")
        return 1
    finally:
        _clear(directory)
    where = "not written anywhere" if asked.peer_self_test else f"written to {LATEST}"
    if not asked.peer_self_test:
        conditions = f"{here}; {datetime.now(UTC):%Y-%m-%d}; {sizes}."
        results.write(conditions="\n\n".join((conditions, *results.remarks())))
    print(f"{here}\n{sizes}\nin {time.monotonic() - began:.0f} s; {where}\n")
    print(results.table(), *results.remarks(), sep="\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"only these of: {', '.join(ROWS)}")
    parser.add_argument("--full", action="store_true", help="large sizes, for figures to rely on")
    add_arguments(parser)
    return parser.parse_args()


async def _measure(directory: Path, sizes: Sizes, wanted: Collection[str]) -> Results:
    """Everything, and the invariants at the end: a bench that breaks one has no result."""
    stand = Stand(directory)
    try:
        await stand.start()
        customers = set_up(stand)
        connection = await asyncpg.connect(stand.database_url)
        books = Books(connection)
        await books.fill_log()
        if sizes.stored:
            await books.make_room(sizes.stored)
        bench = Trials(stand, books, customers=customers, sizes=sizes)
        await follow(bench, wanted, tell=_tell)
        _tell("checking the invariants")
        await books.verify(from_id=bench.first_id)
        bench.verified_id = await books.newest_id()
        await connection.close()
        await restart(bench, wanted)
        return bench.results
    except Exception:
        _tell(stand.log_tail())
        raise
    finally:
        stand.stop()


async def _measure_peer(peer: Peer, sizes: Sizes, results: Results) -> None:
    """The other gateway, once ours is stopped."""
    with simulated_smsc(peer.smsc_port) as simulator:
        await PeerBench(peer, sizes=sizes, simulator_pid=simulator.pid).measure(results, tell=_tell)
    if ratio := results.ratio("end_to_end_single", "peer_single"):
        results.note("to_peer", Sample(ratio))


async def _self_test(directory: Path, sizes: Sizes) -> Results:
    """Tidings as if it were the other gateway, by its BSG REST v1 API."""
    stand, results = Stand(directory), Results()
    try:
        await stand.start()
        customers = set_up(stand)
        pids = stand.pids
        peer = Peer(
            url=f"http://127.0.0.1:{stand.http_port}/rest/sms/create",
            body='{"destination":"phone","msisdn":"{to}","originator":"{from}","body":"{text}",'
            '"reference":"{reference}","callback_url":"{callback}"}',
            headers=(f"X-API-KEY: {customers.flow.key}", "Content-Type: application/json"),
            success=r'"error":0,',
            final='"status":"delivered"',
            pids=tuple(pids["gateway_pids"]),
        )
        bench = PeerBench(peer, sizes=sizes, simulator_pid=pids["simulator_pid"])
        await bench.measure(results, tell=_tell)
        connection = await asyncpg.connect(stand.database_url)
        await Books(connection).verify()
        await connection.close()
        return results
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
