"""A learning rate too small, right, and too large: python examples/learning_rates.py [folder]

First a line through points, whose two parameters are a landscape to walk through; then a network, the same start each
time.
"""

import sys
from pathlib import Path

import autograd
import nn
import visualize

POINTS = [(0.2 * i, 1.0 + 0.4 * i + (-1.0) ** i * 0.3) for i in range(10)]
RATES = {"too small: 0.01": 0.01, "right: 3": 3.0, "too large: 100": 100.0}


def line_loss(slope, offset):
    return autograd.mean([(slope * x + offset - y) ** 2 for x, y in POINTS])


def main(folder: str = "out", epochs: int = 30) -> dict[str, nn.History]:
    Path(folder).mkdir(parents=True, exist_ok=True)
    line = Path(folder) / "learning_rates_line.png"
    rates = {"too small": 0.01, "right": 0.4, "too large": 0.53}
    visualize.save_figure(visualize.plot_learning_rates(line_loss, [-1.0, 1.0], rates), line)
    print(f"descents on the loss of a line are drawn in {line}")

    data = nn.datasets.moons(100, seed=2)
    histories = {}
    for name, rate in RATES.items():
        model = nn.MLP(2, [8, 1], seed=2)
        optimizer = nn.SGD(model.parameters(), rate)
        histories[name] = nn.fit(
            model, nn.binary_cross_entropy, data.inputs, data.targets, optimizer=optimizer, epochs=epochs, batch_size=10
        )
        losses = [f"{epoch.loss:.3g}" for epoch in histories[name] if epoch.loss is not None]
        print(f"{name:18} loss {losses[0]} in the first epoch, {losses[-1]} in the last")

    path = Path(folder) / "learning_rates.png"
    visualize.save_figure(visualize.plot_histories(histories, logarithmic=True), path)
    print(f"all three are drawn in {path}")
    return histories


if __name__ == "__main__":
    main(*sys.argv[1:2])
