"""The moons step on micrograd, in its own environment: peer_micrograd.py POINTS REPEAT prints JSON."""

import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import moons
from micrograd.engine import Value


def step(points: int) -> tuple[float, list[float]]:
    xs, ys, plain = moons.numbers(points)
    layers = [[([Value(w) for w in ws], Value(b)) for ws, b in layer] for layer in plain]
    loss = moons.total_loss(layers, xs, ys, lambda z: z.relu())
    loss.backward()
    return loss.data, [p.grad for layer in layers for ws, b in layer for p in [*ws, b]]


def main() -> None:
    points, repeat = int(sys.argv[1]), int(sys.argv[2])
    sys.setrecursionlimit(1_000_000)  # its backward is recursive
    loss, gradient = step(points)
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        step(points)
        times.append(time.perf_counter() - start)
    print(json.dumps({"loss": loss, "gradient": gradient, "seconds": statistics.median(times)}))


if __name__ == "__main__":
    main()
