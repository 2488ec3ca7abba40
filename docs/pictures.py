"""Draw the pictures in docs/images again: python docs/pictures.py; that of the explorer needs Chromium and selenium."""

import shutil
import tempfile
from pathlib import Path

import autograd
import nn
import visualize
from autograd import Value, tanh, trace

IMAGES = Path(__file__).with_name("images")


def neuron() -> None:
    """The first example of the README."""
    w, x, b = Value(2.0, label="w"), Value(0.5, label="x"), Value(-1.5, label="b")
    y = tanh(w * x + b)
    y.backward()
    visualize.render(visualize.draw(y, parameters=[w, b]), IMAGES / "neuron.svg")


def film() -> None:
    """The same neuron, forwards and back."""
    w, x, b = Value(2.0, label="w"), Value(0.5, label="x"), Value(-1.5, label="b")
    y = tanh(w * x + b)
    y.label = "y"
    visualize.animate(y, IMAGES / "film.svg", title="tanh(w·x + b)", parameters=[w, b])


def learning() -> None:
    """A small network learns the two moons."""
    data, model = nn.datasets.moons(160, seed=1), nn.MLP(2, [4, 1], seed=0)
    path = [autograd.read(model.parameters(), "data")]
    nn.fit(
        model, nn.binary_cross_entropy, data.inputs, data.targets,
        optimizer=nn.Adam(model.parameters(), 0.03), epochs=100, batch_size=16, progress=False,
        callbacks=[lambda epoch, model: path.append(autograd.read(model.parameters(), "data"))],
    )  # fmt: skip
    visualize.animate_training(
        model, nn.binary_cross_entropy, data, IMAGES / "learning.svg", path=path,
        title="A network learns to tell two moons apart",
    )  # fmt: skip


def loss(w: Value, x: Value, b: Value, target: Value) -> Value:
    """The loss of the neuron."""
    return (tanh(w * x + b) - target) ** 2


def explorer() -> None:
    """The page of the neuron's loss, half way back, as Chromium shows it."""
    from selenium import webdriver

    service = webdriver.ChromeService(shutil.which("chromedriver"))
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for option in ("--headless=new", "--no-sandbox", "--hide-scrollbars", "--window-size=1280,760"):
        options.add_argument(option)
    with tempfile.TemporaryDirectory() as folder, webdriver.Chrome(options=options, service=service) as driver:
        page = visualize.explore(
            loss, Path(folder, "page.html"), at=[2.0, 0.5, -1.5, 0.9], title="L = (tanh(w·x + b) − target)²"
        )
        driver.get(page.as_uri())
        driver.execute_script("explorer.go(10)")
        driver.save_screenshot(str(IMAGES / "explorer.png"))


def program() -> None:
    """What the loss of one image by a small network becomes."""
    model = nn.MLP(64, [32, 10], activation="tanh", seed=0)
    traced = trace(lambda x, digit: nn.cross_entropy(model(x), digit), [0.0] * 64, 0)
    visualize.render(visualize.draw(traced), IMAGES / "program.svg")


def step() -> None:
    """One training step of a network on the two moons, rolled up."""
    data = nn.datasets.moons(100, seed=1)
    model = nn.MLP(2, [16, 16, 1], activation="relu", seed=1)
    pairs = zip(data.inputs.tolist(), data.targets.tolist(), strict=True)
    loss = autograd.mean([nn.binary_cross_entropy(model(x), target) for x, target in pairs])
    loss.backward()
    visualize.render(visualize.draw(loss, parameters=model), IMAGES / "step.svg")


def predictions() -> None:
    """What `make demo` writes as predictions.png, but fewer."""
    train, held_out = nn.datasets.train_test_split(nn.datasets.digits(), 360)
    model = nn.MLP(64, [32, 10], activation="tanh", seed=0)
    optimizer = nn.AdamW(model.parameters(), nn.schedules.cosine(0.01, 12 * 45))
    nn.fit(model, nn.cross_entropy, train.inputs, train.targets, optimizer=optimizer, epochs=12)
    chances = [nn.probabilities(model(x)) for x in held_out.inputs]
    images = held_out.inputs.reshape(-1, 8, 8)
    figure = visualize.plot_digits(images, held_out.targets, chances, most=12)
    visualize.save_figure(figure, IMAGES / "predictions.png")


def network() -> None:
    """A network of digits, with one of them going through it."""
    train, held_out = nn.datasets.train_test_split(nn.datasets.digits(), 360)
    model = nn.MLP(64, [32, 10], activation="tanh", seed=0)
    optimizer = nn.AdamW(model.parameters(), nn.schedules.cosine(0.01, 12 * 45))
    nn.fit(model, nn.cross_entropy, train.inputs, train.targets, optimizer=optimizer, epochs=12)
    x, digit = held_out.inputs[3], int(held_out.targets[3])
    visualize.draw_network(
        model, x, loss=lambda y: nn.cross_entropy(y, digit), outputs=held_out.classes,
        title=f"A {digit} goes through a network that has learned to read digits",
    ).save(IMAGES / "network.svg")  # fmt: skip


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    neuron()
    film()
    learning()
    explorer()
    program()
    step()
    predictions()
    network()
