"""Models in files: safetensors, which hold numbers and text and can run no code."""

from __future__ import annotations

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
    _safetensors()
    from safetensors.numpy import save as to_bytes

    metadata = {"format": "glassgrad", "architecture": json.dumps(_architecture(model))}
    content = to_bytes(model.state_dict(), metadata=metadata)
    with atomic_write(path) as file:
        file.write(content)


def load(path: str | Path, *, into: Module | None = None) -> Any:
    """The model in a file that `save` wrote; or `into` with the parameters from that file.

    Raises ValueError, with nothing changed, if the file is damaged or holds a model of another architecture.
    """
    safetensors = _safetensors()
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"cannot load {path}: there is no such file")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except safetensors.SafetensorError as error:
        raise ValueError(f"cannot load {path}: it is damaged or not a safetensors file ({error})") from None
    if into is None:
        try:
            into = _build(json.loads(metadata["architecture"]))
        except (KeyError, TypeError, json.JSONDecodeError):
            raise ValueError(
                f"cannot load {path}: it does not describe a Neuron, Layer or MLP; "
                "build the model and use load(path, into=model)"
            ) from None
    into.load_state_dict(state)
    return into


def _architecture(model: Module) -> dict[str, Any]:
    if isinstance(model, MLP):
        hidden = model.layers[0].activation if len(model.layers) > 1 else None
        if any(layer.activation is not hidden for layer in model.layers[:-1]):
            return {}  # put together by hand: `load` then asks for the model
        output = model.layers[-1].activation
        shape = {"kind": "MLP", "n_in": model.n_in, "widths": model.widths}
        return shape | {"activation": _name(hidden), "output": _name(output)}
    if isinstance(model, Layer):
        return {"kind": "Layer", "n_in": model.n_in, "n_out": len(model.neurons), "activation": _name(model.activation)}
    if isinstance(model, Neuron):
        return {"kind": "Neuron", "n_in": len(model.weights), "activation": _name(model.activation)}
    return {}


def _build(architecture: dict[str, Any]) -> Module:
    kind = {"MLP": MLP, "Layer": Layer, "Neuron": Neuron}[architecture.pop("kind")]
    built: Module = kind(**architecture)
    return built


def _name(activation: Any) -> str | None:
    name = activation_name(activation)
    if activation is not None and TABLE.get(name) is not activation:
        raise ValueError(
            f"cannot save: the activation {name} is a function of your own, which a file cannot hold; "
            "make it a primitive with autograd.primitive(...), or save model.state_dict() yourself"
        )
    return name or None


def _safetensors() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError:
        raise ImportError("saving and loading needs safetensors: pip install 'glassgrad[train]'") from None
    return safetensors
