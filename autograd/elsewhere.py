"""Names that other libraries have for what is here, and what to write instead: one place for all errors that say so."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

__all__ = ["LOSSES", "OPTIONS", "advice", "advised", "here"]

F = TypeVar("F", bound=Callable[..., Any])

VALUE = {
    "item": "the number of a Value is v.data",
    "value": "the number of a Value is v.data",
    "val": "the number of a Value is v.data",
    "numpy": "the number of a Value is v.data; those of many: autograd.read(values, 'data')",
    "tolist": "the number of a Value is v.data",
    "detach": "write autograd.stop_gradient(v), through which nothing flows back, or v.data for the number",
    "requires_grad": "every Value has a gradient; plain numbers are the constants",
    "requires_grad_": "every Value has a gradient; plain numbers are the constants",
    "grad_fn": "what it was computed by is v.primitive, and from what v.args",
    "zero_": "write autograd.zero_grad([v]), or v.grad = 0.0",
    "zero_grad": "write autograd.zero_grad([v]), or v.grad = 0.0",
    "retain_grad": "every Value keeps its gradient: v.grad",
    "_backward": "a Value keeps no function; v.backward() sweeps back from it, v.primitive.partials are the rules",
    "shape": "a Value is one number; lists and arrays of Values have many",
    "clone": "write copy.copy(v), or go on with v itself: operations do not change it",
    "derivative": "write autograd.grad(y, v), or v.grad after y.backward()",
}
"""Attributes of a Value."""

NAMES = {
    "Tensor": "Value, which is one number; lists and arrays of Values are many",
    "tensor": "Value, which is one number; lists and arrays of Values are many",
    "Variable": "Value",
    "Parameter": "Value: every Value that a Module holds is a parameter",
    "numpy": "autograd's own functions (autograd.exp), or NumPy's on arrays of Values",
    "functional": "autograd's functions (autograd.relu), and the losses of nn",
    "elementwise_grad": "derivative",
    "Linear": "nn.Layer(n_in, n_out)",
    "Dense": "nn.Layer(n_in, n_out)",
    "Sequential": "nn.MLP(n_in, widths)",
    "optim": "the optimisers in nn itself, as in nn.Adam(model.parameters(), 0.01)",
    "MSELoss": "nn.mean_squared_error, a function",
    "MeanSquaredError": "nn.mean_squared_error, a function",
    "mse_loss": "nn.mean_squared_error",
    "mse": "nn.mean_squared_error",
    "CrossEntropyLoss": "nn.cross_entropy, a function of logits and the number of a class",
    "NLLLoss": "nn.cross_entropy, a function of logits and the number of a class",
    "BCELoss": "nn.binary_cross_entropy, a function of a logit: leave the last sigmoid out",
    "BCEWithLogitsLoss": "nn.binary_cross_entropy, a function of a logit",
    "HingeLoss": "nn.hinge, a function",
    "ReLU": 'activation="relu", or autograd.relu',
    "Tanh": 'activation="tanh", or autograd.tanh',
    "Sigmoid": 'activation="sigmoid", or autograd.sigmoid',
    "GELU": 'activation="gelu", or autograd.gelu',
    "SiLU": 'activation="silu", or autograd.silu',
    "Softmax": "autograd.softmax, or nn.probabilities for numbers; the losses take logits, without it",
    "accuracy_score": "nn.accuracy",
    "DataLoader": "nn.fit, which makes the batches",
    "train": "nn.fit",
}
"""What is in the packages themselves."""

MODULE = {
    "forward": "call the model: model(x)",
    "train": "there are no modes: write nn.fit(model, ...) to train",
    "eval": "there are no modes: write `with autograd.no_grad():` to compute without recording",
    "fit": "write nn.fit(model, loss, inputs, targets, optimizer=...)",
    "predict": "call the model, model(x); the class it decides for is nn.most_likely(model(x))",
    "step": "an optimiser steps: optimizer = nn.SGD(model.parameters(), 0.1), then optimizer.step()",
    "backward": "a loss goes back: loss.backward()",
    "named_modules": "parameters have names: model.named_parameters()",
    "save": "write nn.save(model, path)",
}
"""Attributes of a Module."""

OPTIONS = {
    "lr": "learning_rate",
    "rate": "learning_rate",
    "alpha": "learning_rate",
    "eps": "epsilon",
    "rho": "alpha",
    "num_epochs": "epochs",
    "n_epochs": "epochs",
    "iterations": "epochs",
    "batch": "batch_size",
    "criterion": "loss",
    "loss_fn": "loss",
    "opt": "optimizer",
    "optimiser": "optimizer",
    "validation_data": "validation",
    "max_norm": "clip_norm",
    "grad_clip": "clip_norm",
    "random_state": "seed",
    "verbose": "progress",
    "nonlin": "activation",
    "in_features": "n_in",
    "out_features": "n_out",
    "hidden_layer_sizes": "widths",
}
"""Arguments given by name."""

LOSSES = {
    "mse": "nn.mean_squared_error",
    "mean_squared_error": "nn.mean_squared_error",
    "l2": "nn.mean_squared_error",
    "cross_entropy": "nn.cross_entropy",
    "categorical_crossentropy": "nn.cross_entropy",
    "sparse_categorical_crossentropy": "nn.cross_entropy",
    "bce": "nn.binary_cross_entropy",
    "binary_crossentropy": "nn.binary_cross_entropy",
    "binary_cross_entropy": "nn.binary_cross_entropy",
    "hinge": "nn.hinge",
}
"""Losses as strings."""


def advice(name: str, names: dict[str, str]) -> str:
    """What to write instead of a name, behind an error that says that there is none; "" if that is not known."""
    return f"; {names[name]}" if name in names else ""


def here(name: str) -> str:
    """The same for a name that one of the packages does not have."""
    return f"; here it is {NAMES[name]}" if name in NAMES else ""


def advised(f: F) -> F:
    """A function whose arguments, given by another library's name, are an error that says which name is ours."""
    code: Any = getattr(f, "__code__")  # noqa: B009  # not every callable has one
    known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

    @functools.wraps(f)
    def called(*args: Any, **named: Any) -> Any:
        for name in named:
            if name not in known and OPTIONS.get(name) in known:
                what = f.__qualname__.removesuffix(".__init__")
                raise TypeError(f"{what}: there is no argument {name!r}; it is called {OPTIONS[name]} here")
            if name not in known and OPTIONS.get(name, name) == "learning_rate":
                what = f.__qualname__
                raise TypeError(
                    f"{what}: there is no argument {name!r}; the learning rate is the optimiser's: "
                    "nn.SGD(model.parameters(), 0.1)"
                )
        return f(*args, **named)

    return cast(F, called)
