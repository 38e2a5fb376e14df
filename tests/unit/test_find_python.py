"""Which Python runs Tidings: the first that is found, unless another build of the same version is clearly faster."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "find-python"
SYSTEM = "/usr/bin:/bin"  # for the shell's own tools; what it has of Python comes after ours


def build(place: Path, *, version: str = "3.11", took_us: int = 10_000, whole: bool = True) -> Path:
    """A directory with a python3 that says this of itself."""
    place.mkdir()
    python = place / "python3"
    facts = f'echo "{version} $0"' if whole else "exit 1"
    python.write_text(f"#!/bin/sh\ncase $2 in *process_time*) echo {took_us} ;; *) {facts} ;; esac\n")
    python.chmod(0o755)
    return place


def chosen(*places: Path, python: str = "") -> str:
    done = subprocess.run(
        [SCRIPT],
        env={**os.environ, "PATH": ":".join([*map(str, places), SYSTEM]), "PYTHON": python},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def first(tmp_path):
    """What is found first; it says it is so fast that nothing of the machine's own is faster."""
    return build(tmp_path / "first", took_us=100)


def test_the_first_is_taken(first, tmp_path):
    assert chosen(first, build(tmp_path / "second", took_us=100)) == f"{first}/python3"


def test_one_that_is_clearly_faster_is_taken(first, tmp_path):
    faster = build(tmp_path / "faster", took_us=80)
    assert chosen(first, faster) == f"{faster}/python3"


def test_one_that_is_hardly_faster_is_not(first, tmp_path):
    assert chosen(first, build(tmp_path / "faster", took_us=95)) == f"{first}/python3"


def test_another_version_is_not_taken_however_fast(first, tmp_path):
    assert chosen(first, build(tmp_path / "newer", version="3.13", took_us=10)) == f"{first}/python3"


def test_one_that_lacks_something_is_passed_over(first, tmp_path):
    assert chosen(build(tmp_path / "part", took_us=10, whole=False), first) == f"{first}/python3"


def test_what_is_asked_for_is_taken(first, tmp_path):
    slow = build(tmp_path / "slow", took_us=1_000)
    assert chosen(first, python=f"{slow}/python3") == f"{slow}/python3"


def test_without_any_it_says_what_to_do(tmp_path):
    done = subprocess.run(
        ["/bin/sh", SCRIPT], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "apt-get install python3" in done.stderr
