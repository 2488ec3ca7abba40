"""Neural networks of scalar Values: neurons, layers, losses, optimisers and the training loop.

>>> import nn
>>> data = nn.datasets.xor(40)
>>> model = nn.MLP(2, [4, 1], seed=1)
>>> history = nn.fit(model, nn.binary_cross_entropy, data.inputs, data.targets,
...                  optimizer=nn.Adam(model.parameters(), 0.1), epochs=20)
>>> history[-1].accuracy
1.0
"""

try:
    from autograd import Value as _Value  # noqa: F401
except ImportError as error:  # the other package called autograd has no Value
    raise ImportError(
        f"nn needs the autograd of glassgrad, but found another package of that name ({error}). "
        "Run 'pip uninstall autograd glassgrad' and install glassgrad again; for both, use two virtual environments."
    ) from None

from autograd import elsewhere as _elsewhere
from nn import datasets, schedules
from nn.diagnosis import Diagnosis, diagnose
from nn.findings import Finding
from nn.layers import MLP, Layer, Neuron
from nn.losses import (
    Loss,
    binary_cross_entropy,
    cross_entropy,
    hinge,
    mean_squared_error,
    most_likely,
    probabilities,
    probabilities_text,
)
from nn.metrics import accuracy, confusion_matrix
from nn.module import Module
from nn.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop, clip_gradients
from nn.saving import load, save
from nn.training import Epoch, History, TrainingError, evaluate, fit
from nn.watching import TrainingWarning

__all__ = [
    "MLP",
    "SGD",
    "Adam",
    "AdamW",
    "Diagnosis",
    "Epoch",
    "Finding",
    "History",
    "Layer",
    "Loss",
    "Module",
    "Neuron",
    "Optimizer",
    "RMSprop",
    "TrainingError",
    "TrainingWarning",
    "accuracy",
    "binary_cross_entropy",
    "clip_gradients",
    "confusion_matrix",
    "cross_entropy",
    "datasets",
    "diagnose",
    "evaluate",
    "fit",
    "hinge",
    "load",
    "mean_squared_error",
    "most_likely",
    "probabilities",
    "probabilities_text",
    "save",
    "schedules",
]


def __getattr__(name: str) -> object:
    raise AttributeError(f"module 'nn' has no attribute {name!r}{_elsewhere.here(name)}")
