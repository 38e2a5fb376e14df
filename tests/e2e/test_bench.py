"""The bench as its users run it, small: around another gateway, which is Tidings itself."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SMALL = {"BENCH_N": "100", "BENCH_RUNS": "1", "BENCH_WARM_UP": "20"}


def bench(*options: str, directory: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *options],
        cwd=ROOT,
        env={**os.environ, **SMALL, "BENCH_DIR": str(directory), **environ},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_another_gateway_is_measured_from_the_request_to_the_last_callback(directory: Path):
    done = bench("--peer-self-test", directory=directory)
    assert done.returncode == 0, done.stderr
    rows = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("peer_")]
    assert rows == ["peer_single", "peer_cpu_s_per_1000"]


def test_another_gateway_without_a_word_for_success_is_refused_in_one_line(directory: Path):
    done = bench("--peer", "http://127.0.0.1:1/send?to={to}", directory=directory)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "--peer-success" in done.stderr


def test_what_is_not_said_of_another_gateway_is_as_its_class_has_it():
    check = (
        "import argparse; from bench.peer import Peer, add_arguments, peer_of; parser = argparse.ArgumentParser();"
        "add_arguments(parser); told = ['http://127.0.0.1:1/', 'ok'];"
        "asked = parser.parse_args(['--peer', told[0], '--peer-success', told[1]]);"
        "assert peer_of(asked) == Peer(*told)"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
