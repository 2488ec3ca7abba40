"""How large the gradient of each layer is, while a training runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd import Value
from nn.history import Sums
from nn.module import Module, holders_of
from nn.stepping import Task

__all__ = ["LayerGradients"]


class LayerGradients:
    """How large the gradient of each layer is. gradients: for the History, layer to one number for each epoch.

    A layer is what has parameters in one Layer of neurons, or in one array, of one Module: those whose names there
    agree up to `neurons`, or else up to the places at their ends. Parameters of no Module are one layer.
    """

    def __init__(self, task: Task) -> None:
        self._places = _layers_of(task.optimizer.parameters, task.model)
        self.gradients: dict[str, list[float]] = {}

    def note(self, sums: Sums) -> None:
        """The end of an epoch."""
        for layer, places in self._places.items():
            self.gradients.setdefault(layer, []).append(float(sums.sizes[places].mean()) / sums.steps)


def _layers_of(parameters: Sequence[Value], model: Any) -> dict[str, list[int]]:
    """The places of each layer's parameters among all, by its name, in the order in which they begin."""
    held = holders_of(parameters)
    if isinstance(model, Module):
        held |= {parameter: (model, name) for name, parameter in model.named_parameters()}
    holders = {id(held[p][0]): held[p][0] for p in parameters if p in held and held[p][1]}
    prefixes = _prefixes(list(holders.values()), model)
    layers: dict[tuple[int, str], list[int]] = {}
    for i, parameter in enumerate(parameters):
        holder, name = held.get(parameter, (None, ""))
        layers.setdefault((id(holder), _layer(name)) if name else (0, ""), []).append(i)
    found: dict[str, list[int]] = {}
    for (holder, layer), places in layers.items():
        name = ".".join(filter(None, (prefixes[holder], layer))) if holder else "parameters of no Module"
        name = name or type(holders[holder]).__name__  # the model is a Layer itself
        while name in found:
            name += "'"  # somebody's own name looks like one of these
        found[name] = places
    return found


def _prefixes(holders: Sequence[Any], model: Any) -> dict[int, str]:
    """What tells the layers of several Modules apart, by id: `Layer 1`, `Layer 2`, or `MLP`, if there is one of its
    kind; nothing for the model, or the only Module.
    """
    kinds = [type(holder).__name__ for holder in holders]
    found = {}
    for i, (holder, kind) in enumerate(zip(holders, kinds, strict=True)):
        number = f" {kinds[:i].count(kind) + 1}" if kinds.count(kind) > 1 else ""
        found[id(holder)] = "" if holder is model or len(holders) == 1 else kind + number
    return found


def _layer(name: str) -> str:
    """The layer that a parameter of such a name belongs to; "" if it is the holder itself.

    >>> _layer("layers.0.neurons.3.weights.12"), _layer("neurons.3.bias"), _layer("blocks.1.query.3.7"), _layer("slope")
    ('layers.0', '', 'blocks.1.query', 'slope')
    """
    layer, found, _ = f".{name}".rpartition(".neurons.")
    if found:
        return layer.removeprefix(".")
    parts = name.split(".")
    while len(parts) > 1 and parts[-1].isdecimal():
        parts.pop()
    return ".".join(parts)
