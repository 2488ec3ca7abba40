"""The same network with a learning rate too small, right, and too large: python examples/learning_rates.py [folder]"""

import sys
from pathlib import Path

import nn

RATES = {"too small: 0.01": 0.01, "right: 3": 3.0, "too large: 100": 100.0}


def main(folder: str = "out", epochs: int = 30) -> dict[str, nn.History]:
    data = nn.datasets.moons(100, seed=2)
    histories = {}
    for name, rate in RATES.items():
        model = nn.MLP(2, [8, 1], seed=2)  # the same start each time
        optimizer = nn.SGD(model.parameters(), rate)
        histories[name] = nn.fit(
            model, nn.binary_cross_entropy, data.inputs, data.targets, optimizer=optimizer, epochs=epochs, batch_size=10
        )
        losses = [f"{epoch.loss:.3g}" for epoch in histories[name] if epoch.loss is not None]
        print(f"{name:18} loss {losses[0]} in the first epoch, {losses[-1]} in the last")

    import visualize

    Path(folder).mkdir(parents=True, exist_ok=True)
    path = Path(folder) / "learning_rates.png"
    visualize.save_figure(visualize.plot_histories(histories, logarithmic=True), path)
    print(f"all three are drawn in {path}")
    return histories


if __name__ == "__main__":
    main(*sys.argv[1:2])
