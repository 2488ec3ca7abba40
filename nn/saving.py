"""Models in files: safetensors, which hold numbers and text and can run no code."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from autograd import TABLE
from autograd._files import atomic_write
from nn.layers import MLP, Layer, Neuron, activation_name
from nn.module import Module

__all__ = ["load", "save"]


def save(model: Module, path: str | Path) -> None:
    """Write `model`, its architecture and its parameters, to a .safetensors file: the whole file, or nothing.

    Neurons, Layers and MLPs come back with `load(path)`; for a Module of your own, pass one that is built alike:
    `load(path, into=model)`. Raises OSError if the file cannot be written.
    """
    require_safetensors()
    from safetensors.numpy import save as to_bytes

    # One entry, because their order in the file is not fixed: equal models make equal files.
    metadata = {"architecture": json.dumps({"format": "glassgrad", **_architecture(model)})}
    content = to_bytes(model.state_dict(), metadata=metadata)
    with atomic_write(path) as file:
        file.write(content)


def load(path: str | Path, *, into: Module | None = None) -> Any:
    """The model in a file that `save` wrote; or `into` with the parameters from that file.

    Raises ValueError, with nothing changed, if the file is damaged or holds a model of another architecture.
    """
    import numpy as np

    safetensors = require_safetensors()
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"cannot load {path}: there is no such file")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except (safetensors.SafetensorError, TypeError, AttributeError) as error:  # the last two: a dtype NumPy has not
        raise ValueError(f"cannot load {path}: it is damaged or not a file that save() wrote ({error})") from None
    for name, array in state.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"cannot load {path}: {name} holds nan or infinity, as after a training that failed")
    try:
        numbers_in_file = sum(array.size for array in state.values())
        model = _build(metadata.get("architecture", ""), numbers_in_file) if into is None else into
        model.load_state_dict(state)
    except ValueError as error:
        raise ValueError(f"cannot load {path}: {error}") from None
    return model


def _architecture(model: Module) -> dict[str, Any]:
    """What `_build` needs to make the model again; nothing for one that it could not make exactly."""
    if type(model) is Neuron:
        return {"kind": "Neuron", "n_in": len(model.weights), "activation": _name(model.activation)}
    if type(model) is Layer:
        neurons = [_architecture(neuron) for neuron in model.neurons]
        if any(not neuron or neuron != neurons[0] for neuron in neurons):
            return {}
        return {**neurons[0], "kind": "Layer", "n_out": len(neurons)}
    if type(model) is MLP:
        layers = [_architecture(layer) for layer in model.layers]
        if not all(layers) or len({layer["activation"] for layer in layers[:-1]}) > 1:
            return {}
        shape = {"kind": "MLP", "n_in": model.n_in, "widths": model.widths}
        return {**shape, "activation": layers[0]["activation"], "output": layers[-1]["activation"]}
    return {}


def _build(text: str, size: int) -> Module:
    """The model that an architecture describes, of so many numbers; ValueError if there is none."""
    try:
        architecture = json.loads(text)
        architecture.pop("format", None)
        kind = {"MLP": MLP, "Layer": Layer, "Neuron": Neuron}[architecture.pop("kind")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError(
            "it does not describe a Neuron, Layer or MLP; build the model yourself and use load(path, into=model)"
        ) from None
    needed = _size(kind, architecture)
    if needed is not None and needed != size:  # before a network is made that would fill the memory
        raise ValueError(f"it describes a model with another number of parameters than the {size:,} that it holds")
    try:
        built: Module = kind(**architecture)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{error}. A primitive of your own must be defined before the file is loaded") from None
    return built


def _size(kind: type[Module], architecture: dict[str, Any]) -> int | None:
    """How many parameters a model has by its architecture; None if that is wrong, which is said elsewhere."""
    n_in: Any = architecture.get("n_in")
    widths: Any = architecture.get("widths")
    if kind is not MLP:
        widths = [architecture.get("n_out", 1)]
    if not isinstance(widths, list) or not all(type(n) is int and n > 0 for n in (n_in, *widths)):
        return None
    sizes = [n_in, *widths]
    found: int = sum((a + 1) * b for a, b in itertools.pairwise(sizes))
    return found


def _name(activation: Any) -> str | None:
    name = activation_name(activation)
    if activation is not None and TABLE.get(name) is not activation:
        raise ValueError(
            f"cannot save: the activation {name} is a function of your own, which a file cannot hold; "
            "make it a primitive with autograd.primitive(...), or save model.state_dict() yourself"
        )
    return name or None


def require_safetensors() -> Any:
    """The module safetensors, or an ImportError that says how to get it."""
    try:
        import safetensors
        import safetensors.numpy
    except ImportError:
        raise ImportError("saving and loading needs safetensors: pip install 'glassgrad[train]'") from None
    return safetensors
