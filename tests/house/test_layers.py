"""Imports point one way, and the contracts that say so would notice a wrong one."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def broken_contracts(project: Path) -> list[str]:
    """Names of the contracts that the package under this project's `src` breaks."""
    ran = subprocess.run(
        [LINT_IMPORTS, "--no-logo", "--no-cache", "--config", ROOT / "pyproject.toml"],
        cwd=project,
        env={"PYTHONPATH": str(project / "src"), "PATH": "", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    verdicts = [line.rpartition(" ") for line in ran.stdout.splitlines()]
    broken = [name for name, _, verdict in verdicts if verdict == "BROKEN"]
    kept = [name for name, _, verdict in verdicts if verdict == "KEPT"]
    assert len(broken) + len(kept) == 3, ran.stdout + ran.stderr
    assert ran.returncode == (1 if broken else 0)
    return broken


def skeleton(at: Path) -> Path:
    """A project with our packages and nothing in them."""
    for package in (ROOT / "src/tidings").rglob("__init__.py"):
        copy = at / package.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.touch()
    return at


def test_imports_point_one_way() -> None:
    assert broken_contracts(ROOT) == []


LAYERS = "app > adapters > flows > domain"
DIALECTS = "the dialects do not know each other"
PURE = "the domain and the flows know no database, socket or web framework"


@pytest.mark.parametrize(
    ("module", "imports", "contract"),
    [
        ("domain/a.py", "tidings.flows", LAYERS),
        ("flows/a.py", "tidings.store", LAYERS),
        ("store/a.py", "tidings.connectors", LAYERS),
        ("dialects/a.py", "tidings.app", LAYERS),
        ("dialects/bsg_v1/a.py", "tidings.dialects.infobip", DIALECTS),
        ("flows/a.py", "asyncpg", PURE),
        ("domain/a.py", "starlette.responses", PURE),
    ],
)
def test_an_import_against_the_grain_is_noticed(
    tmp_path: Path, module: str, imports: str, contract: str
) -> None:
    project = skeleton(tmp_path)
    (project / "src/tidings" / module).write_text(f"import {imports}\n")
    assert broken_contracts(project) == [contract]
