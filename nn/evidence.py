"""What the graph of a loss tells about a training: its operations as arrays, and the gradient of every Value in it.

Nothing is changed by looking: data, gradients and `has_grad` stay as they are.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import autograd
from autograd import DomainError, Primitive, Value
from autograd.engine import gradients, topological, unwind
from autograd.sweep import partials_of
from nn.optimizers import length

__all__ = ["Depth", "Evidence", "Unit", "gather", "layer_of", "root_mean_square", "sweep"]

FAR = 200  # operations between a neuron's parameters and its activation, at most

SLOPES = {
    "relu": lambda y: y > 0.0,
    "tanh": lambda y: 1.0 - y * y,
    "sigmoid": lambda y: y * (1.0 - y),
}
"""The slope of an activation, from its output."""

FLAT = 1e-3
"""A unit with less slope than this is saturated: it hands on less than a thousandth of its gradient.

For a tanh that begins 4.1 away from 0, for a sigmoid 6.9.
"""

RANKED = ("stop_gradient", "is flat", "multiplied", "relu", "takes another", "cancel", "")
"""Words in the reasons for a gradient that is 0, the one to tell first: an input that is always 0 counts more than a
relu that is off now and then.
"""


class Unit(NamedTuple):
    """A neuron in the graph: its layer, how often its activation is applied, and in how many of these it is flat."""

    layer: str
    uses: int
    flat: int


class Depth(NamedTuple):
    """A layer: its place in the graph, its name, and root mean squares: of the gradients of its parameters, and of
    those that arrive at what is computed from them first.
    """

    place: int
    name: str
    slope: float
    arriving: float


@dataclass
class Evidence:
    """The graph of a loss, arguments before results.

    names: of the parameters that are leaves; computed: of those that are results. order: the n Values; place: where
    each stands there. op, start, args, constants: what they were computed by and from, as `unwind` has it. data,
    moments: the number of each, and when it came to be. cotangents: d loss / d value of each, or None where there is
    none; error: why not.
    """

    loss: Value
    names: dict[Value, str]
    order: list[Value]
    primitives: list[Primitive]
    op: Any
    start: Any
    args: Any
    constants: Any
    data: Any
    cotangents: Any = None
    error: DomainError | None = None
    place: dict[Value, int] = field(default_factory=dict)
    computed: dict[Value, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.order)

    @cached_property
    def moments(self) -> Any:
        import numpy as np

        return np.array([value._moment for value in self.order], dtype=np.int64)

    @cached_property
    def edges(self) -> tuple[Any, Any, Any]:
        """For each argument that is a Value: the result's place, its own, and which argument it is."""
        import numpy as np

        user = np.repeat(np.arange(len(self)), np.diff(self.start))
        which = np.arange(len(self.args)) - self.start[user]
        kept = self.args >= 0
        return user[kept], self.args[kept], which[kept]

    @cached_property
    def numbers(self) -> Any:
        """The number of each argument, constants included."""
        import numpy as np

        found = self.data[np.maximum(self.args, 0)]
        found[self.args < 0] = self.constants[~self.args[self.args < 0]]
        return found

    @cached_property
    def reached(self) -> dict[Value, int]:
        """The parameters in the graph, with their places."""
        return {p: self.place[p] for p in self.names if p in self.place}

    @cached_property
    def layer(self) -> dict[Value, str]:
        """The layer of each parameter, by its name."""
        return {p: layer_of(name) for p, name in self.names.items()}

    def args_of(self, i: int) -> list[int]:
        """The places of the arguments of a node; negative for constants."""
        found: list[int] = self.args[self.start[i] : self.start[i + 1]].tolist()
        return found

    def is_a(self, i: int, name: str) -> bool:
        """Whether a place is that of a result of the primitive of this name."""
        return i >= 0 and self.op[i] >= 0 and self.primitives[self.op[i]].name == name

    def all_of(self, name: str) -> list[int]:
        """The places of all results of a primitive."""
        import numpy as np

        wanted = [k for k, primitive in enumerate(self.primitives) if primitive.name == name]
        return [int(i) for i in np.flatnonzero(np.isin(self.op, wanted))]

    @cached_property
    def summands(self) -> frozenset[int]:
        """The places of what the loss is the sum of, each times a number that no parameter moves, and that nothing else
        is computed from: of the losses of single examples, above all.
        """
        import numpy as np

        found, waiting = {len(self) - 1}, [len(self) - 1]
        sums, used_elsewhere = np.zeros(len(self), dtype=bool), np.zeros(len(self), dtype=bool)
        while waiting:
            i = waiting.pop()
            terms = self._terms_of(i)
            sums[i] = bool(terms)
            new = {j for j in terms if j >= 0} - found
            found |= new
            waiting += new
        user, arg, _ = self.edges
        used_elsewhere[arg[~sums[user]]] = True
        return frozenset(i for i in found if not used_elsewhere[i])

    def _terms_of(self, i: int) -> list[int]:
        """The arguments that a node is the sum of, each times something fixed."""
        name, args = self.primitives[self.op[i]].name if self.op[i] >= 0 else "", self.args_of(i)
        if name in ("add", "sub", "neg", "sum", "mean"):
            return args
        if name in ("mul", "dot"):
            half = len(args) // 2
            partners = args[half:] + args[:half]
            return [arg for arg, partner in zip(args, partners, strict=True) if self._is_fixed(partner)]
        return args[:1] if name == "div" and self._is_fixed(args[1]) else []

    def _is_fixed(self, i: int) -> bool:
        """Whether no parameter moves a place."""
        seen, waiting = {i}, [i]
        while waiting:
            here = waiting.pop()
            if here >= 0 and self.order[here] in self.names:
                return False
            new = {j for j in self.args_of(here) if j >= 0} - seen if here >= 0 else set()
            seen |= new
            waiting += new
        return True

    def text(self, i: int) -> str:
        """A node in words, as in mul(1e+200, 1e+200) = inf."""
        value = self.order[i]
        name = f" (node {value.label!r})" if value.label else ""
        if value.primitive is None:
            return f"{value.data:.6g}{name}"
        numbers = self.numbers[self.start[i] : self.start[i + 1]].tolist()
        point = ", ".join(f"{x:.4g}" for x in numbers[:4]) + (", ..." if len(numbers) > 4 else "")
        return f"{value.primitive.name}({point}) = {value.data:.4g}{name}"

    # ------------------------------------------------------------ neurons

    def units(self, kind: str) -> list[Unit]:
        """The neurons with a relu, tanh or sigmoid. All uses of one in the graph are known by their parameters."""
        nodes = self.all_of(kind)
        slopes = SLOPES[kind](self.data[nodes])
        uses: Counter[frozenset[int]] = Counter()
        flat: Counter[frozenset[int]] = Counter()
        for i, slope in zip(nodes, slopes.tolist(), strict=True):
            key = self._parameters_before(i)
            if key:
                uses[key] += 1
                flat[key] += abs(slope) < FLAT
        return [Unit(self.layer[self.order[min(key)]], n, flat[key]) for key, n in uses.items()]

    def _parameters_before(self, i: int) -> frozenset[int]:
        """The places of the parameters nearest before an activation: they tell its neuron from others."""
        level, looked_at = self.args_of(i), 0
        while level and looked_at < FAR:
            looked_at += len(level)
            level = [j for j in level if j >= 0]
            found = frozenset(j for j in level if self.order[j] in self.names)
            if found:
                return found
            level = [k for j in level if not any(self.is_a(j, kind) for kind in SLOPES) for k in self.args_of(j)]
        return frozenset()

    def inputs(self) -> Any:
        """The numbers other than 0 that parameters are multiplied by, and that were not computed."""
        import numpy as np

        products = [primitive.name in ("mul", "dot") for primitive in self.primitives]
        parameter = np.zeros(len(self), dtype=bool)
        parameter[[*self.reached.values()]] = True
        user, arg, which = self.edges
        kept = parameter[arg] & np.array([*products, False])[self.op[user]]  # the last: of a leaf
        first, n = self.start[user[kept]], (self.start[user + 1] - self.start[user])[kept]
        partners = first + (which[kept] + n // 2) % n
        places = self.args[partners]
        given = (self.op < 0) & ~parameter
        found = self.numbers[partners[(places < 0) | given[np.maximum(places, 0)]]]
        return found[found != 0.0]

    def layers(self) -> list[Depth]:
        """The layers of several parameters through which a gradient flows, the one nearest to the inputs first."""
        import numpy as np

        user, arg, _ = self.edges
        numbered = {name: k for k, name in enumerate(dict.fromkeys(self.layer[p] for p in self.reached))}
        layer = np.full(len(self), -1)
        layer[[*self.reached.values()]] = [numbered[self.layer[p]] for p in self.reached]
        found = []
        for name, k in numbered.items():
            own, users = np.flatnonzero(layer == k), user[layer[arg] == k]
            slope, arriving = root_mean_square(self.cotangents[own]), root_mean_square(self.cotangents[users])
            if len(own) > 1 and slope > 0.0 and arriving > 0.0:
                found.append(Depth(int(users.min()), name, slope, arriving))
        return sorted(found)

    # ------------------------------------------------------------ gradients that are 0

    def why_zero(self) -> dict[Value, str]:
        """For each parameter in the graph whose gradient is exactly 0: what keeps it from the loss."""
        if self.cotangents is None:
            return {}
        zero = self.cotangents == 0.0
        known: dict[str, int] = {}  # a bit for each reason
        bits: dict[int, int] = {}
        for user, arg, which in self._edges_to(zero):
            bit = bits[user] if zero[user] else 1 << known.setdefault(self._block(user, which), len(known))
            bits[arg] = bits.get(arg, 0) | bit
        # What is said first is the likeliest cause: an error that is 0 in one example is no reason for all of them.
        ranked = sorted(known, key=lambda reason: [word in reason for word in RANKED].index(True))
        return {
            p: next(reason for reason in ranked if bits[i] >> known[reason] & 1)
            for p, i in self.reached.items()
            if zero[i]
        }

    def _edges_to(self, wanted: Any) -> Iterator[tuple[int, int, int]]:
        """The edges to some of the Values, results before arguments."""
        user, arg, which = self.edges
        kept = wanted[arg]
        yield from zip(*(x[kept][::-1].tolist() for x in (user, arg, which)), strict=True)

    def _block(self, i: int, which: int) -> str:
        """Why nothing flows from node i, to which something does, to one of its arguments."""
        value = self.order[i]
        primitive = value.primitive
        assert primitive is not None
        name, (first, last) = primitive.name, self.start[i : i + 2]
        if name == "stop_gradient":
            return "stop_gradient hands no gradient on"
        if primitive.flat or which in primitive.cut:
            return f"{name} is flat: its slope is 0 everywhere"
        if name == "relu":
            return "a relu after it is off"
        if self._turns(i, which):
            return f"{name} is at its turning point there"
        if primitive.multiplies and self.numbers[first + (which + (last - first) // 2) % (last - first)] == 0.0:
            return "it is multiplied by 0"
        if primitive.chooses:
            return f"{name} takes another of its arguments"
        if partials_of(value, which) != 0.0:
            return "its contributions cancel"
        return f"the slope of {name} is 0 there"

    def _turns(self, i: int, which: int) -> bool:
        """Whether a node is smallest or largest there, as x² at 0: its slope has another sign on each side."""
        args, value = self.args_of(i), self.order[i]
        row = value.primitive
        assert row is not None
        if row.name == "mul":
            return self._are_one(*args)
        partial = None if row.rule is not None else row.partials[which]
        if not callable(partial):
            return False
        at = self.numbers[self.start[i] : self.start[i + 1]].tolist()
        slopes = []
        for step in (-1e-4, 1e-4):
            moved = [x + step if k == which else x for k, x in enumerate(at)]
            try:
                slopes.append(float(partial(*moved, row.on_floats(moved))))
            except (ArithmeticError, ValueError):
                return False
        return slopes[0] * slopes[1] < 0.0

    def _are_one(self, i: int, j: int) -> bool:
        """Whether two places hold the same, or were computed alike from the same."""
        if i == j or i < 0 or j < 0 or self.op[i] < 0 or self.op[i] != self.op[j]:
            return i == j
        a, b = (slice(self.start[k], self.start[k + 1]) for k in (i, j))
        places = [self.args[part].clip(-1).tolist() for part in (a, b)]  # all constants alike
        return bool(places[0] == places[1] and (self.numbers[a] == self.numbers[b]).all())


def gather(loss: Value, names: dict[Value, str]) -> Evidence:
    """Look at the graph of a loss. names: of its parameters."""
    leaves = {p: name for p, name in names.items() if p.primitive is None}
    computed = {p: name for p, name in names.items() if p not in leaves}
    order = topological(loss)
    primitives, op, start, args, _, constants = unwind(order)
    place = {value: i for i, value in enumerate(order)}
    data = autograd.read(order, "data")
    return Evidence(loss, leaves, order, primitives, op, start, args, constants, data, place=place, computed=computed)


def sweep(evidence: Evidence) -> None:
    """Find the gradients, or the error that there is in their place. The graph must be of one moment."""
    import numpy as np

    try:
        evidence.cotangents = np.array(gradients(evidence.loss, evidence.order), dtype=float)
    except DomainError as error:
        evidence.error = error


def root_mean_square(x: Any) -> float:
    """√(Σ x² / n); 0.0 of nothing."""
    return length(x) / math.sqrt(max(len(x), 1))


_ENTRY = re.compile(r"(\.\d+|\[\d+\])+$")
_NEURONS = re.compile(r"(^|\.)neurons\..*")


def layer_of(name: str) -> str:
    """The layer that a parameter belongs to, by its name: what is there besides neurons and places in a list.

    >>> layer_of("layers.0.neurons.3.weights.12"), layer_of("blocks.1.query.3.4"), layer_of("w")
    ('layers.0', 'blocks.1.query', 'w')
    """
    layer, found = _NEURONS.subn("", name)
    return (layer or "neurons") if found else _ENTRY.sub("", name)
