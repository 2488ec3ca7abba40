"""A long run: python tests/programs/fuzz.py FIRST COUNT. Prints what goes wrong, shortened; exits with 1 if any did."""

import argparse
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from programs.check import FLOAT32, NAN, THOROUGH, failure, quick
from programs.derivatives import check_derivatives, check_products
from programs.generator import random_program, shrunk
from programs.hard import check_exact
from programs.schedules import checked_schedules


def main() -> int:
    parser = argparse.ArgumentParser(description="Hold random programs against the eager engine.")
    parser.add_argument("first", type=int, nargs="?", default=0, help="the first seed")
    parser.add_argument("count", type=int, nargs="?", default=10_000, help="how many")
    parser.add_argument("--stop", action="store_true", help="at the first that goes wrong")
    parser.add_argument("--quick", action="store_true", help="look at a part of each")
    parser.add_argument("--hard", action="store_true", help="programs that plain floats can run, on hard numbers")
    parser.add_argument("--derivatives", action="store_true", help="programs of their derivatives")
    chosen = parser.parse_args()
    if chosen.hard:
        return each(check_exact, chosen.first, chosen.count)
    if chosen.derivatives:
        return each(derivatives, chosen.first, chosen.count)
    np.seterr(all="raise", under="ignore")
    wrong = []
    for seed in range(chosen.first, chosen.first + chosen.count):
        case = random_program(seed, branches=seed % 3 == 2)
        kinds = [quick(seed)] if chosen.quick else [*THOROUGH]
        kinds += {0: [FLOAT32], 4: NAN}.get(seed % 8, [])
        for kind in kinds:
            error = failure(case, kind)
            if error is None:
                continue
            wrong.append(seed)
            traceback.print_exception(error)
            start = repr(error)[:40]
            short = shrunk(case, lambda other: repr(failure(other, kind))[:40] == start)  # noqa: B023  # called here
            print(f"\nprogram {seed}, {kind}, with less in it:\n\n{short.source}\n{failure(short, kind)}\n", flush=True)
            if chosen.stop:
                return 1
    print(f"{chosen.count} programs, {len(wrong)} wrong: {wrong[:100]}")
    return 1 if wrong else 0


def derivatives(seed: int) -> None:
    """Written out, and as products with vectors."""
    check_derivatives(seed, branches=seed % 3 == 2, straight=seed % 2 == 1)
    check_products(seed, branches=seed % 3 == 2)


def each(check: Callable[[int], None], first: int, count: int) -> int:
    wrong = []
    for seed in range(first, first + count):
        try:
            check(seed)
        except Exception as error:
            wrong.append(seed)
            print(f"\n{seed}: {error!r}\n{error}\n", flush=True)
    print(f"{count} programs, {len(wrong)} wrong: {wrong[:100]}")
    return 1 if wrong else 0


if __name__ == "__main__":
    with checked_schedules():
        sys.exit(main())
