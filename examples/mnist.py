"""Handwritten digits, by the network that many people meet first: python examples/mnist.py mnist.npz

It is the one of the first chapter of Michael Nielsen's book, http://neuralnetworksanddeeplearning.com: 784 pixels, 30
neurons, 10 digits; or with --network 3blue1brown that of Grant Sanderson's videos, with 16 and 16 neurons in between.
What happens to one image is written down in plain scalar loops, and traced into a program of arrays.

No file yet? python examples/mnist.py --download mnist.npz fetches it, 11 MB, and goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import itertools
import os
import random
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # products this small gain nothing from more threads

import numpy as np  # reads the line above

from autograd import Program, Value, one_hot, sigmoid, trace
from nn.datasets import DataError, Dataset, load_mnist

HIDDEN = {"nielsen": [30], "3blue1brown": [16, 16]}
BATCH, RATE = 10, 3.0  # of the book, chapter 1
PUBLISHED = 0.9542  # the best epoch of the best of three runs

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"

Layer = list[tuple[list[Value], Value]]  # weights and bias of each neuron


def network(sizes: Sequence[int], seed: int) -> list[Layer]:
    """Weights and biases from the normal distribution N(0, 1), as in the first chapter."""
    rng = random.Random(seed)

    def neuron(n_in: int) -> tuple[list[Value], Value]:
        return [Value(rng.gauss(0.0, 1.0)) for _ in range(n_in)], Value(rng.gauss(0.0, 1.0))

    return [[neuron(n_in) for _ in range(n_out)] for n_in, n_out in itertools.pairwise(sizes)]


def outputs_of(layers: list[Layer], pixels: Sequence[Any]) -> list[Any]:
    """Ten numbers between 0 and 1: how much the image looks like each digit."""
    activations = list(pixels)
    for layer in layers:
        activations = [
            sigmoid(sum(w * a for w, a in zip(weights, activations, strict=True)) + bias) for weights, bias in layer
        ]
    return activations


def loss_of(layers: list[Layer], pixels: Sequence[Any], digit: Any) -> tuple[Any, list[Any]]:
    """Half the squared distance from what the outputs should be (the book's equation 6), and the outputs."""
    outputs = outputs_of(layers, pixels)
    return sum((y - wanted) ** 2 for y, wanted in zip(outputs, one_hot(digit, 10), strict=True)) / 2.0, outputs


def options_of(argv: list[str] | None) -> tuple[argparse.Namespace, Dataset, Dataset]:
    """What the command line says, and the images to learn from and to test on."""
    parser = argparse.ArgumentParser(prog="mnist.py", description="Learn to read handwritten digits.")
    parser.add_argument("file", type=Path, nargs="?", help="mnist.npz")
    parser.add_argument("--download", type=Path, metavar="FILE", help=f"fetch mnist.npz into FILE first, from {URL}")
    parser.add_argument("--network", choices=HIDDEN, default="nielsen", help="default: nielsen")
    parser.add_argument("--epochs", type=int, default=30, help="default: 30")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    if (options.file is None) == (options.download is None):
        parser.error("give the path of mnist.npz, or --download FILE to fetch it")
    if options.epochs < 1:
        parser.error(f"--epochs must be at least 1, got {options.epochs}")
    try:
        if options.download:
            download(options.download)
        training, test = load_mnist(options.file or options.download)
    except DataError as error:
        parser.error(str(error))
    except (OSError, http.client.HTTPException) as error:
        parser.error(f"cannot download {URL} into {options.download}: {error}")
    return options, training, test


def main(argv: list[str] | None = None) -> list[float]:
    options, training, test = options_of(argv)
    images, digits = training.inputs[:50_000], training.targets[:50_000]  # the book keeps the others back
    started = time.perf_counter()
    layers = network([images.shape[1], *HIDDEN[options.network], 10], options.seed)
    program = trace(lambda pixels, digit: loss_of(layers, pixels, digit), images[0], 0)
    print(
        f"{options.network}: {len(program.parameters)} parameters, traced in {time.perf_counter() - started:.1f} s; "
        f"{len(images)} images to learn from, {len(test.inputs)} to test on"
    )
    rng = np.random.default_rng(options.seed)
    accuracies: list[float] = []
    for epoch in range(1, options.epochs + 1):
        started = time.perf_counter()
        order = rng.permutation(len(images))
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            _, gradient = program.value_and_grad(images[batch], digits[batch])
            program.parameters -= RATE * gradient
        accuracies.append(accuracy(program, test))
        print(f"epoch {epoch:2}  {accuracies[-1]:.2%} right  {time.perf_counter() - started:.1f} s", flush=True)
    print(f"best: {max(accuracies):.2%}" + f"; the book: {PUBLISHED:.2%}" * (options.network == "nielsen"))
    return accuracies


def accuracy(program: Program, test: Dataset) -> float:
    """The share of images whose digit has the largest output."""
    right = 0
    for start in range(0, len(test.inputs), 1000):
        part = slice(start, start + 1000)
        _, outputs = program(test.inputs[part], test.targets[part])
        right += int((outputs.argmax(axis=1) == test.targets[part]).sum())
    return right / len(test.inputs)


def download(path: Path) -> None:
    """Fetch the file, all of it or nothing, unless it is there."""
    if path.exists():
        print(f"{path} is there already")
        return
    print(f"fetching {URL}", flush=True)
    with urllib.request.urlopen(URL, timeout=60) as response:
        content = response.read()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise OSError("what arrived is not that file")
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
