"""Put each bug in, and see that a test notices: `make mutants`. Arguments name mutants by a part of their names.

First the tests must pass without any. Each mutant is put into a copy of the sources, never into the sources. Ends
with `killed N of N`; exits 0 only if all were.
"""
# ruff: noqa: T201 - it prints what it finds

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg
from mutants import MUTANTS, Mutant

from tidings.store.embedded import EmbeddedPostgres

ROOT = Path(__file__).parents[2]
COPIED = ("src", "tests", "docs", "pyproject.toml")
SCHEMA = ("store/partitions.py", "store/migrate.py")
"""Beside migrations, what the tests' databases are made by."""
TEST_S = 300
ALL_TESTS_S = 3_600


class Bench:
    """A copy of the repository to put bugs in, and a server that all test runs share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in COPIED:
            origin = ROOT / name
            if origin.is_dir():
                shutil.copytree(origin, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(origin, folder / name)
        settings = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB"}
        self._server = EmbeddedPostgres(folder / "pg", extra_settings=settings)

    def __enter__(self) -> "Bench":
        self._folder.chmod(0o755)
        self._server.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._server.stop()

    def passes(self, tests: Sequence[str], *, within_s: float = TEST_S) -> bool:
        """Whether all of these tests pass; one that hangs does not."""
        paths = [f"tests/{name}" for name in tests]
        command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *paths]
        environment = {
            **os.environ,
            "PYTHONPATH": str(self._folder / "src"),
            "TIDINGS_TEST_POSTGRES": self._server.url,
        }
        log = self._folder / "output"
        try:
            with log.open("w") as output:
                done = subprocess.run(
                    command,
                    cwd=self._folder,
                    env=environment,
                    stdout=output,
                    stderr=output,
                    timeout=within_s,
                    check=False,
                )
        except subprocess.TimeoutExpired:
            return False
        if done.returncode not in {0, 1}:
            raise SystemExit(f"pytest could not run:\n{log.read_text()[-3000:]}")
        return done.returncode == 0

    def said(self) -> str:
        """The end of what the last tests printed."""
        return (self._folder / "output").read_text()[-3000:]

    def survives(self, mutant: Mutant) -> bool:
        """Whether no test notices this bug. Each test file is asked alone, until one does."""
        path = self._folder / "src" / "tidings" / mutant.path
        original = path.read_text()
        mutated = original
        in_schema = mutant.path in SCHEMA or mutant.path.endswith(".sql")
        for there, instead in mutant.edits:
            if mutated.count(there) != 1:
                raise SystemExit(f"{mutant.name}: {mutant.path} has not exactly one of: {there}")
            mutated = mutated.replace(there, instead)
        try:
            if path.suffix == ".py":
                compile(mutated, str(path), "exec")
            path.write_text(mutated)
            if in_schema:
                asyncio.run(self._forget_schema())
            return all(self.passes([test]) for test in mutant.tests)
        finally:
            path.write_text(original)
            if in_schema:
                asyncio.run(self._forget_schema())

    async def _forget_schema(self) -> None:
        """Drop the migrated database that tests copy theirs from: the next one makes it anew."""
        connection = await asyncpg.connect(self._server.url, database="postgres")
        await connection.execute("drop database if exists tidings_template")
        await connection.close()


def main(wanted: Sequence[str]) -> int:
    """Run the mutants whose names contain one of the words; all of them without words."""
    chosen = [one for one in MUTANTS if not wanted or any(word in one.name for word in wanted)]
    tests = sorted({test for one in chosen for test in one.tests})
    killed = 0
    with (
        tempfile.TemporaryDirectory(prefix="tidings-mutants-", dir="/tmp") as name,
        Bench(Path(name)) as bench,
    ):
        if not bench.passes(tests, within_s=ALL_TESTS_S):
            print(bench.said())
            print("the tests fail without any mutant")
            return 1
        for one in chosen:
            began = time.monotonic()
            survived = bench.survives(one)
            killed += not survived
            print(
                f"{'SURVIVED' if survived else 'killed'}  {time.monotonic() - began:5.1f} s  {one.name}",
                flush=True,
            )
    print(f"killed {killed} of {len(chosen)}")
    return 0 if chosen and killed == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
