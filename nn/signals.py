"""What happens to numbers on their way: neurons that are off, gradients that vanish, squeezed logits, nan and inf."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from autograd.sweep import partials_of
from nn.evidence import Evidence, Unit, root_mean_square
from nn.findings import Finding, count, some, times

__all__ = [
    "flat_units",
    "infinite_gradient",
    "inputs_out_of_scale",
    "no_gradient",
    "not_finite",
    "programs",
    "squeezed",
    "uneven_layers",
]

FEW = 8
"""Uses of a neuron below which it may be off by chance: half of all relus are, and 8 of 8 once in 256 times. Fewer
inputs do not say how large inputs are.
"""

LARGE, SMALL = 50.0, 0.02  # inputs

APART = 1000.0
"""How many times the gradients of two layers may differ. One learning rate serves both: beyond this, what one learns in
an epoch takes the other a thousand.
"""


# ---------------------------------------------------------------- neurons and layers


def flat_units(e: Evidence) -> Iterator[Finding]:
    """Neurons that are off, and activations that are saturated."""
    yield from dead_relus(_by_layer(e.units("relu")))
    for kind, far in (("tanh", "4.1"), ("sigmoid", "6.9")):
        yield from saturated(kind, far, _by_layer(e.units(kind)))


def _by_layer(units: Iterable[Unit]) -> dict[str, list[Unit]]:
    found: dict[str, list[Unit]] = {}
    for unit in units:
        found.setdefault(unit.layer, []).append(unit)
    return found


def dead_relus(layers: dict[str, list[Unit]]) -> Iterator[Finding]:
    """Relus that are off in all their uses: what is behind them never learns."""
    found: list[tuple[float, str]] = []
    for layer, units in layers.items():
        dead = sum(unit.flat == unit.uses for unit in units)
        share = dead / len(units)
        # With few examples only a layer that is off as a whole says something: nothing gets past it.
        if share == 1.0 or (share >= 0.25 and min(unit.uses for unit in units) >= FEW):
            found.append((share, f"{dead} of {count(len(units), 'relu')} in {layer}"))
    if not found:
        return
    found.sort(key=lambda part: -part[0])
    worst = found[0][0]
    uses = min(unit.uses for units in layers.values() for unit in units)
    yield Finding(
        "dead relu",
        "hint" if uses < FEW else "error" if worst == 1.0 else "warning" if worst >= 0.5 else "hint",
        f"{some([text for _, text in found])}: off {'in' if uses == 1 else 'in all'} {count(uses, 'use')} of each, so "
        "no gradient comes through.",
        "take a smaller learning rate, bring the inputs to around 0, use leaky_relu, or start anew with another seed.",
    )


def saturated(kind: str, far: str, layers: dict[str, list[Unit]]) -> Iterator[Finding]:
    """Layers whose activations have hardly any slope. far: where that begins."""
    found = []
    for layer, units in layers.items():
        flat, uses = sum(unit.flat for unit in units), sum(unit.uses for unit in units)
        if uses >= FEW and flat > 0.5 * uses:
            found.append(f"{flat / uses:.0%} of the {kind}s in {layer}")
    if found:
        yield Finding(
            f"saturated {kind}",
            "warning",
            f"{some(found)} are saturated: the input is more than {far} away from 0, and less than a thousandth of the "
            "gradient comes through.",
            'bring the inputs to about −1 to 1, take a smaller learning rate, or smaller weights (init="xavier").',
        )


def inputs_out_of_scale(e: Evidence) -> Iterator[Finding]:
    """Plain numbers that parameters are multiplied by, if they are far from 1. The slope by a weight is its input times
    what arrives, the slope by a bias just that: no one learning rate suits both.
    """
    inputs = e.inputs()
    size = root_mean_square(inputs)
    if len(inputs) >= FEW and math.isfinite(size) and not SMALL < size < LARGE:
        yield Finding(
            "inputs out of scale",
            "warning",
            f"the inputs are about {size:.2g} in size (root mean square of those that are not 0), where weights and "
            "learning rates expect about 1.",
            "scale them: subtract the mean of each column and divide by its standard deviation.",
        )


def uneven_layers(e: Evidence) -> Iterator[Finding]:
    """Gradients that vanish or explode on the way back to the first layer: those of the parameters, or those that
    arrive at what is computed from them first.
    """
    layers = e.layers()
    if len(layers) < 3:  # no depth to vanish in
        return
    first, last = layers[0], layers[-1]
    for words, near, far in (
        ("the gradient of", first.slope, last.slope),
        ("the gradient that arrives at", first.arriving, last.arriving),
    ):
        sizes = f"{words} {first.name} is {near:.2g} (root mean square), at the other end, {last.name}, it is {far:.2g}"
        if far > APART * near:
            yield Finding(
                "vanishing gradient",
                "warning",
                f"{sizes}: {times(far / near)} less on the way back.",
                "use relu (or tanh) instead of sigmoid, fewer layers, or Adam, whose steps do not depend on that size.",
            )
            return
        if near > APART * far:
            yield Finding(
                "exploding gradient",
                "warning",
                f"{sizes}: {times(near / far)} more on the way back.",
                'start with smaller weights (init="xavier"), bring the inputs to about −1 to 1, or use clip_norm=1.0.',
            )
            return


# ---------------------------------------------------------------- what the loss is given


def squeezed(e: Evidence) -> Iterator[Finding]:
    """Losses that take logits, but are given what went through softmax, sigmoid or tanh already. What is no summand of
    the loss is none of them.
    """
    found: Counter[tuple[str, str, str]] = Counter()
    for i in e.summands.intersection(e.all_of("softplus")):
        (z,) = e.args_of(i)
        z = e.args_of(z)[0] if e.is_a(z, "neg") else z
        kind = _squeeze(e, z)
        if kind:
            # The one logit lies in (0, 1) or (-1, 1); its rival is 0.
            found["binary_cross_entropy", kind, f"{_least(2, ''):.2f}"] += 1
    for i in e.summands.intersection(e.all_of("logsumexp")):
        logits = [e.args_of(z)[0] if e.is_a(z, "sub") else z for z in e.args_of(i)]
        kinds = {_squeeze(e, z) for z in logits}
        kind = "softmax" if _are_shares(e, logits) else kinds.pop() if len(kinds) == 1 else ""
        if kind and len(logits) > 1:
            found["cross_entropy", kind, f"{_least(len(logits), kind):.2f}"] += 1
    for (loss, kind, least), n in found.items():
        yield Finding(
            f"{kind} before {loss}",
            "warning" if kind == "tanh" else "error",
            f"{loss} takes logits, the plain outputs, but what it is given went through {kind} "
            f"(in {count(n, 'example')}): so squeezed, the loss cannot fall below {least}.",
            f"leave out the last {kind}; for probabilities to show, write nn.probabilities(logits).",
        )


def _least(n: int, kind: str) -> float:
    """The cross entropy of n logits that are as far apart as they can be: 1, or between -1 and 1."""
    return math.log1p((n - 1) * math.exp(-2.0 if kind == "tanh" else -1.0))


def _squeeze(e: Evidence, z: int) -> str:
    """The squeezing function that a Value is the result of, also if written by hand; "" if it is of none."""
    if e.is_a(z, "sigmoid") or e.is_a(z, "tanh"):
        return "sigmoid" if e.is_a(z, "sigmoid") else "tanh"
    if e.is_a(z, "div"):
        above, below = e.args_of(z)
        if above < 0 and e.constants[~above] == 1.0 and e.is_a(below, "add"):
            terms = e.args_of(below)
            if any(x < 0 and e.constants[~x] == 1.0 for x in terms) and any(e.is_a(x, "exp") for x in terms):
                return "sigmoid"
    return ""


def _are_shares(e: Evidence, logits: Sequence[int]) -> bool:
    """Whether these are probabilities, however computed: no plain logits add up to exactly 1."""
    if len(logits) < 2 or min(logits) < 0 or (e.op[logits] < 0).any():
        return False
    numbers = e.data[logits]
    return bool((numbers >= 0.0).all() and abs(numbers.sum() - 1.0) < 1e-9)


def programs(e: Evidence) -> Iterator[Finding]:
    """Operations that nothing here looks into."""
    n = len(e.all_of("program"))
    if n:
        yield Finding(
            "hidden in a program",
            "hint",
            f"{count(n, 'operation')} of this graph {'are' if n > 1 else 'is'} a traced program, which is not looked "
            "into: units and layers in there are not seen.",
            "compute the loss with the function itself, not with its program.",
        )


# ---------------------------------------------------------------- nan and inf


def not_finite(e: Evidence) -> Iterator[Finding]:
    """Where the first nan or infinite number comes from."""
    import numpy as np

    if np.isfinite(e.data).all():
        return
    bad = ~np.isfinite(e.data)
    i = int(bad.argmax())  # the first one: its arguments, which come before it, are finite
    value = e.order[i]
    name = "nan or inf" if math.isnan(e.data[-1]) else "infinite loss" if bad[-1] else "infinite number"
    if value.primitive is None:
        who = f"the parameter {e.names[value]}" if value in e.names else f"the input {value.label}".rstrip()
        problem = f"the loss is {e.data[-1]:.4g}: {who} is {e.data[i]} already."
        remedy = "an earlier step went too far: make the model anew, and take a tenth of the learning rate."
        if value not in e.names:
            remedy = "look for gaps in the data (nan), and remove or fill them."
    elif not np.isfinite(e.numbers[e.start[i] : e.start[i + 1]]).all():
        problem = f"the loss is {e.data[-1]:.4g}: a plain number given to {e.text(i)} is nan or infinite."
        remedy = "look for gaps in the data (nan), and remove or fill them."
    else:
        problem = f"the loss is {e.data[-1]:.4g}: the first number that overflows is {e.text(i)}."
        remedy = "scale the inputs or the weights down, take a tenth of the learning rate, or work with logarithms."
    yield Finding(name, "error", problem, remedy)


def no_gradient(e: Evidence) -> Finding:
    """A sweep that ends in an error."""
    problem, _, remedy = str(e.error).partition(". ")
    return Finding("no gradient", "error", f"{problem}.", remedy or "keep away from this point.")


def infinite_gradient(e: Evidence) -> Iterator[Finding]:
    """Where the first infinite gradient comes from, on the way back from the loss."""
    import numpy as np

    if np.isfinite(e.cotangents).all():
        return
    user, arg, which = e.edges
    bad = ~np.isfinite(e.cotangents)
    edges = np.flatnonzero(bad[arg] & ~bad[user])
    for i, j, k in zip(user[edges].tolist(), arg[edges].tolist(), which[edges].tolist(), strict=True):
        slope = partials_of(e.order[i], k)
        if not math.isfinite(slope * e.cotangents[i]):
            yield Finding(
                "infinite gradient",
                "error",
                f"on the way back from the loss the gradient becomes {e.cotangents[j]} at {e.text(i)}: there it is "
                f"{e.cotangents[i]:.4g}, and the slope is {slope:.4g}.",
                "scale the inputs or the loss down, or keep away from points with an infinite slope, as sqrt has at 0.",
            )
            return
    yield Finding(
        "infinite gradient",
        "error",
        "the gradients that meet on the way back from the loss add up to more than a float holds.",
        "scale the inputs or the loss down.",
    )
