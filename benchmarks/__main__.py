"""Measure, and print ratios: python -m benchmarks [--quick]

Every comparison first asserts that both sides compute the same. Peers are installed into `.venv-bench`, an environment
of the benchmarks' own; what cannot be installed is left out, and the table says so. Times are medians of several runs,
and a ratio is always of two measurements from this one run: the machine is noisy, its state is not.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import moons  # noqa: E402  # needs the path above when run as a file

ENVIRONMENT = ROOT / ".venv-bench"
PEERS = ["micrograd==0.1.0"]


def median_time(f: Callable[[], object], repeat: int) -> float:
    """Seconds that one call of f takes: the median of `repeat` calls, after one that is not counted."""
    f()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def peer_python() -> Path | None:
    """The interpreter of the peers' environment, made on first use; None if the peers cannot be installed."""
    python = ENVIRONMENT / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    installed = subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], capture_output=True, check=False)
    return python if installed.returncode == 0 else None


def import_time() -> tuple[float, float]:
    """Seconds for `python -c pass` and for `python -c "import autograd"`."""

    def run(code: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)

    return median_time(run("pass"), 7), median_time(run("import autograd"), 7)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and print ratios.")
    parser.add_argument("--quick", action="store_true", help="small sizes and no peers: does it run and agree?")
    quick = parser.parse_args().quick
    repeat = 3 if quick else 7
    points = 10 if quick else 100

    print(f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}; medians of {repeat} runs\n")
    rows: list[tuple[str, str]] = []

    moons.assert_agreement(points)
    plain = median_time(lambda: moons.step_on_floats(points), repeat)
    ours = median_time(lambda: moons.step(points), repeat)
    rows.append(("moons step, value and gradient, against the value alone on plain floats", f"{ours / plain:.1f} ×"))

    python = None if quick else peer_python()
    if python is not None:
        answer = subprocess.run(
            [python, ROOT / "benchmarks" / "peer_micrograd.py", str(points), str(repeat)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found = json.loads(answer.stdout)
        moons.assert_same(found["loss"], found["gradient"], points)
        rows.append(("moons step, against micrograd 0.1.0", f"{found['seconds'] / ours:.1f} × faster"))
    elif not quick:
        rows.append(("moons step, against micrograd 0.1.0", "micrograd could not be installed"))

    bare, loaded = import_time()
    rows.append(("import autograd, on top of python -c pass", f"+{1000 * (loaded - bare):.0f} ms"))

    width = max(len(name) for name, _ in rows)
    for name, result in rows:
        print(f"{name.ljust(width)}   {result}")


if __name__ == "__main__":
    main()
