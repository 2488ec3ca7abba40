"""Two moons told apart by a small network, and the border it draws: python examples/moons.py [folder]"""

import sys
from pathlib import Path

import nn


def main(folder: str = "out", epochs: int = 50) -> nn.History:
    data = nn.datasets.moons(100, noise=0.1, seed=1)
    model = nn.MLP(2, [16, 16, 1], activation="relu", seed=1)
    print(model)
    steps = epochs * 5
    history = nn.fit(
        model,
        nn.binary_cross_entropy,
        data.inputs,
        data.targets,
        optimizer=nn.Adam(model.parameters(), nn.schedules.cosine(0.03, steps)),
        epochs=epochs,
        batch_size=20,
        validation=(data.inputs, data.targets),
        seed=1,
    )
    print(f"loss {history[0].validation_loss:.3f} before training, {history[-1].validation_loss:.4f} after")
    print(f"accuracy {history[0].validation_accuracy:.0%} before training, {history[-1].validation_accuracy:.0%} after")

    import visualize

    Path(folder).mkdir(parents=True, exist_ok=True)
    path = Path(folder) / "moons.png"

    def probability(x: list[float]) -> float:
        return nn.probabilities(model(x))[1]

    visualize.save_figure(visualize.plot_decision_boundary(probability, data.inputs, data.targets), path)
    print(f"the border between them is drawn in {path}")
    return history


if __name__ == "__main__":
    main(*sys.argv[1:2])
