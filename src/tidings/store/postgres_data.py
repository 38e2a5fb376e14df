"""The data directory of the embedded PostgreSQL: made once, checked at each start."""

import shutil
import subprocess
from pathlib import Path

from tidings.domain.errors import Misconfigured
from tidings.store.postgres_place import Installation, Runner, reaches

NAME = "tidings"  # of the superuser role and of the database
LOG_TAIL_LINES = 12
SETTING = "database.data_dir (TIDINGS_DATABASE__DATA_DIR)"


def check_place(data_dir: Path, runner: Runner) -> None:
    """Refuse a directory where PostgreSQL's user cannot work."""
    if not reaches(runner, data_dir.parent):
        raise Misconfigured(
            f"PostgreSQL's user {runner.name!r} cannot enter {data_dir.parent}: let others pass (chmod o+x "
            f"on it and what is above), or set {SETTING} to a place that it can reach"
        )
    foreign = data_dir.exists() and data_dir.stat().st_uid != runner.uid
    if foreign and (not runner.switches or (data_dir / "PG_VERSION").exists()):
        raise Misconfigured(
            f"the data in {data_dir} belong to another user: start Tidings as the user it was started as "
            f"before, or set {SETTING} to another directory"
        )


def ensure_data(data_dir: Path, installation: Installation, *, runner: Runner, durable: bool) -> None:
    """Check that existing data fit the installation; or make a data directory with our database in it.

    It is made beside its place and renamed: an initdb that was cut short does not count and is begun anew.
    """
    version_file = data_dir / "PG_VERSION"
    if version_file.exists():
        _check_major(version_file.read_text().strip(), installation, data_dir=data_dir)
        return
    if data_dir.exists() and any(data_dir.iterdir()):
        raise Misconfigured(
            f"{data_dir} is neither empty nor a PostgreSQL data directory: set {SETTING} to another"
        )
    unfinished = data_dir.with_name(f"{data_dir.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    runner.own(unfinished, mode=0o700)
    options = [f"--username={NAME}", "--auth=trust", "--encoding=UTF8", "--locale=C"]
    options += [] if durable else ["--no-sync"]
    _succeed(runner.run(installation.program("initdb"), "-D", unfinished, *options), data_dir)
    single_user = (installation.program("postgres"), "--single", "-D", unfinished, "postgres")
    _succeed(runner.run(*single_user, input=f"create database {NAME}\n"), data_dir)
    unfinished.rename(data_dir)


def _check_major(found: str, installation: Installation, *, data_dir: Path) -> None:
    if found != str(installation.major):
        raise Misconfigured(
            f"the data in {data_dir} were written by PostgreSQL {found}, and this is {installation.version}: "
            f"set database.postgres_dir to an installation of PostgreSQL {found}; or dump the data with it "
            f"(pg_dump), set {SETTING} to a new directory and restore them there"
        )


def _succeed(done: subprocess.CompletedProcess[str], data_dir: Path) -> None:
    if done.returncode != 0:
        raise no_start(data_dir, done.stdout + done.stderr)


def no_start(data_dir: Path, said: str, *, log_file: Path | None = None) -> Misconfigured:
    """The error that shows the last lines of what PostgreSQL said."""
    tail = "\n".join(f"  {line}" for line in said.strip().splitlines()[-LOG_TAIL_LINES:])
    more = f"; more in {log_file}" if log_file else ""
    return Misconfigured(
        f"PostgreSQL does not start on {data_dir} ({SETTING}){more}. It said:\n{tail or '  nothing'}"
    )
