"""What keeps a training from learning, one check each: from the evidence in a graph to what is wrong and what to do."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from autograd import Value
from autograd.value import partials_of
from nn.evidence import Evidence, Unit, layer_of

__all__ = ["SEVERITIES", "Finding", "examine", "reasons", "step_size"]

SEVERITIES = ("error", "warning", "hint")

FEW = 8
"""Uses of a neuron below which it may well be off by chance: half of all relus are off, so 8 of 8 happens once in 256."""

APART = 1000.0
"""How many times the gradients of two layers may differ. One learning rate serves both: beyond this, what one learns in
an epoch takes the other a thousand.
"""


@dataclass(frozen=True)
class Finding:
    """Something that keeps a training from learning.

    name: what it is called. severity: "error" if it is certainly wrong, "warning" if learning suffers from it, "hint" if
    it is worth knowing. problem, remedy: what is wrong, with numbers, and what to do, a line each. parameters: the names
    of those concerned.
    """

    name: str
    severity: str
    problem: str
    remedy: str
    parameters: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.severity}: {self.name}\n  {self.problem}\n  → {self.remedy}"


def examine(evidence: Evidence, sweep: Callable[[Evidence], None]) -> Iterator[Finding]:
    """All that is found in a graph. sweep: finds the gradients in it, where they make sense."""
    yield from computed_parameters(evidence)
    if evidence.loss.primitive is None:
        yield not_recorded(evidence)
        return
    stale = list(changed_since(evidence))
    yield from stale
    broken = list(not_finite(evidence))
    yield from broken
    yield from squeezed(evidence)
    yield from programs(evidence)
    units = [] if broken else list(flat_units(evidence))
    yield from units
    if stale or broken:
        return
    sweep(evidence)
    if evidence.error is not None:
        yield no_gradient(evidence)
        return
    infinite = list(infinite_gradient(evidence))
    yield from infinite
    if not infinite:
        for check in (as_they_should_be, unreached, uneven_layers):
            yield from check(evidence)
        told = any(finding.name == "dead relu" for finding in units)
        yield from (finding for finding in zero_gradients(evidence) if not (told and "a relu" in finding.problem))


# ---------------------------------------------------------------- words


def some(names: Sequence[str], most: int = 3) -> str:
    """Names in words."""
    few = ", ".join(names[:most])
    return f"{few} and {len(names) - most:,} more" if len(names) > most else few


def all_or_some(names: Sequence[str], n: int) -> str:
    """Names out of n in words."""
    return f"all {n:,} parameters" if len(names) == n > 3 else some(names)


def count(n: int, what: str) -> str:
    """A number of things, as in 1 parameter, 2 parameters."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def times(ratio: float) -> str:
    """A large ratio in words: 3,400 times."""
    return f"{ratio:,.0f} times" if ratio < 1e6 else f"{ratio:.0e} times"


# ---------------------------------------------------------------- is the graph the one of this step?


def computed_parameters(e: Evidence) -> Iterator[Finding]:
    """Parameters that are results, as after w = w - 0.1 * w.grad."""
    names = list(e.computed.values())
    if names:
        (first, *_), more = e.computed, len(names) > 1
        assert first.primitive is not None
        yield Finding(
            "computed parameter", "error",
            f"{some(names)} {'are results' if more else 'is a result'} (of {first.primitive.name}), not "
            f"{'Values of their' if more else 'a Value of its'} own: every step makes the graph longer, and the gradient "
            "goes to what was there before.",
            "change the number and keep the Value: w.data -= rate * w.grad, not w = w - rate * w.grad; or let "
            "optimizer.step() do it.", tuple(names),
        )  # fmt: skip


def not_recorded(e: Evidence) -> Finding:
    """A loss that is a leaf."""
    return Finding(
        "nothing recorded", "error",
        f"the loss is the plain number {e.loss.data:.4g}: nothing is known about how it was computed, so no parameter gets "
        "a gradient.",
        "compute it from the parameters themselves: without no_grad, without .data, and without Value(...) around it.",
    )  # fmt: skip


def changed_since(e: Evidence) -> Iterator[Finding]:
    """Leaves that were changed after something was computed from them; whether the graph is of several steps."""
    user, arg, _ = e.edges
    late = (e.op[arg] < 0) & (e.moments[arg] > e.moments[user])
    if not late.any():
        return
    uses: dict[int, set[int]] = {i: set() for i in arg[late].tolist()}
    for i, moment in zip(arg.tolist(), e.moments[user].tolist(), strict=True):
        if i in uses:
            uses[i].add(moment)
    names = [name for p, name in e.names.items() if e.place.get(p) in uses]
    who = all_or_some(names, len(e.names))
    if not names:
        who = some([e.order[i].label or f"an input, now {e.data[i]:.4g}," for i in uses])
    generations = max(map(len, uses.values()))
    if generations > 1:
        yield Finding(
            "earlier steps in the graph", "error",
            f"the graph of this loss goes back over {generations} steps: between them {who} changed, but its {len(e):,} "
            "operations and numbers hang together.",
            "keep numbers from one step to the next, not Values: total += loss.data, not total += loss; and start a step "
            "from .data of what the last one left.", tuple(names),
        )  # fmt: skip
        return
    swept = e.loss.has_grad
    yield Finding(
        "changed since", "hint" if swept else "error",
        f"{who} changed after this loss was computed, so the loss and its graph are of older numbers.",
        "call diagnose after backward() and before step(): then the gradients can be looked at, too." if swept else
        "compute the loss again before backward(): first the loss, then backward(), then step().", tuple(names),
    )  # fmt: skip


def as_they_should_be(e: Evidence) -> Iterator[Finding]:
    """Whether the gradients that the parameters hold are those of this loss."""
    held = [p for p in e.reached if p.has_grad]
    slopes = {p: e.cotangents[i] for p, i in e.reached.items() if e.cotangents[i] != 0.0}
    if not e.loss.has_grad:
        if held:
            p = max(held, key=lambda p: abs(p.grad - slopes.get(p, 0.0)))
            yield Finding(
                "old gradients", "warning",
                f"backward() was not called on this loss: {count(len(held), 'parameter')} hold the gradient of something "
                f"else, as {e.names[p]} does, {p.grad:.4g} where this loss gives {slopes.get(p, 0.0):.4g}.",
                "in every step: optimizer.zero_grad(), then loss.backward(), then optimizer.step().",
            )  # fmt: skip
        elif e.reached:
            yield Finding(
                "no backward", "hint",
                "backward() was not called on this loss yet: no parameter has a gradient, and a step would change nothing.",
                "call loss.backward() before optimizer.step().",
            )  # fmt: skip
    elif slopes and all(p.grad == 0.0 for p in e.reached):
        yield Finding(
            "cleared gradients", "error",
            "backward() was called, but the gradients were cleared after it: a step would change nothing.",
            "call zero_grad() before backward(), not between backward() and step().",
        )  # fmt: skip
    else:
        yield from _not_reset(e, slopes)


def _not_reset(e: Evidence, slopes: dict[Value, float]) -> Iterator[Finding]:
    """Gradients of several sweeps. What was shortened, as by clip_gradients, is none."""
    seed = e.loss.grad
    expected = {p: seed * float(slopes.get(p, 0.0)) for p in e.reached}
    scale = max(map(abs, expected.values()), default=0.0)
    more = [p for p, g in expected.items() if not _between(p.grad, g, 1e-9 * scale)]
    if not more:
        return
    ratios = {round(p.grad / g, 6) for p, g in expected.items() if abs(g) > 1e-6 * scale}
    (ratio,) = ratios if len(ratios) == 1 else (0.0,)
    p = max(more, key=lambda p: abs(p.grad - expected[p]))
    example = f"{e.names[p]} has {p.grad:.4g}, and this loss gives {expected[p]:.4g}"
    if ratio >= 2.0 and ratio == round(ratio):
        problem = f"the gradients are {ratio:.0f} times those of this loss: {example}."
    else:
        problem = (
            f"{count(len(more), 'parameter')} of {len(expected):,} hold more than the gradient of this loss: {example}."
        )
    yield Finding(
        "forgotten zero_grad", "error", problem,
        "call optimizer.zero_grad() before every backward(); gradients add up until then. (If you add up several losses on "
        "purpose, diagnose their sum.)", tuple(e.names[p] for p in more),
    )  # fmt: skip


def _between(x: float, end: float, tolerance: float) -> bool:
    """Whether x lies between 0 and `end`."""
    return min(0.0, end) - tolerance <= x <= max(0.0, end) + tolerance


# ---------------------------------------------------------------- which parameters take part?


def unreached(e: Evidence) -> Iterator[Finding]:
    """Parameters that are not in the graph."""
    missing = [name for p, name in e.names.items() if p not in e.place]
    if not missing:
        return
    if len(missing) == len(e.names):
        yield Finding(
            "loss without parameters", "error",
            f"the loss was computed without any of the {count(len(missing), 'parameter')} given ({some(missing)}).",
            "are these the parameters of the model that computed it, or of another one? Is .data or no_grad used on the "
            "way?", tuple(missing),
        )  # fmt: skip
        return
    sizes, gone = Counter(map(layer_of, e.names.values())), Counter(map(layer_of, missing))
    layers = [layer for layer, n in gone.items() if n == sizes[layer]]
    whole = [name for name in missing if layer_of(name) in layers]
    if whole:
        yield Finding(
            "not used", "warning",
            f"{some(layers)}: the loss does not depend on {'it' if whole == layers[:1] else 'any parameter there'}.",
            "use it in the model, or take it out of the parameters; look for .data, float(...) and no_grad on the way.",
            tuple(whole),
        )  # fmt: skip
    rest = [name for name in missing if layer_of(name) not in layers]
    if rest:
        yield Finding(
            "not used here", "hint",
            f"{count(len(rest), 'parameter')} of {len(e.names):,} were not used for this loss: {some(rest)}.",
            "nothing, if these are entries of a table that other examples use; else use them in the model.", tuple(rest),
        )  # fmt: skip


def reasons(e: Evidence) -> dict[str, str]:
    """For each parameter whose gradient is exactly 0, by name: why."""
    found = {e.names[p]: "the loss was computed without it" for p in e.names if p not in e.place}
    return found | {e.names[p]: why for p, why in e.why_zero().items()}


def zero_gradients(e: Evidence) -> Iterator[Finding]:
    """Parameters in the graph whose gradient is exactly 0, if these are whole layers, or never get another one."""
    why = {e.names[p]: reason for p, reason in e.why_zero().items()}
    if not why:
        return
    if len(why) == len(e.reached):
        if e.loss.data == 0.0:
            remedy = "nothing is left to learn from these examples."
            yield Finding("loss is 0", "hint", "the loss is 0, and so is every gradient.", remedy, tuple(why))
        else:
            yield _zero("every gradient is 0", "error", why, "every parameter")
        return
    sizes = Counter(layer_of(e.names[p]) for p in e.reached)
    zeros = Counter(map(layer_of, why))
    layers = [layer for layer, n in zeros.items() if n == sizes[layer]]
    whole = {name: reason for name, reason in why.items() if layer_of(name) in layers}
    if whole:
        yield _zero("layer without gradient", "warning", whole, f"every parameter of {some(layers)}")
    never = {n: r for n, r in why.items() if n not in whole and ("flat" in r or "stop_gradient" in r)}
    if never:
        yield _zero("no way back", "warning", never, some([*never]))


def _zero(name: str, severity: str, why: dict[str, str], who: str) -> Finding:
    (reason, _), *others = Counter(why.values()).most_common()
    also = f" (for {len([r for r in why.values() if r != reason]):,} of {len(why):,} another reason)" if others else ""
    return Finding(name, severity, f"the gradient of {who} is exactly 0: {reason}{also}.", _way_out(reason), tuple(why))


def _way_out(reason: str) -> str:
    """What to do about a gradient that is 0."""
    if "relu" in reason:
        return "make the model anew with another seed, a smaller learning rate, or leaky_relu, which is never quite off."
    if "multiplied" in reason:
        return "start with weights that are not 0 (and inputs that are not always 0)."
    if "stop_gradient" in reason:
        return "leave stop_gradient out on this way."
    if "flat" in reason:
        return "use a function with a slope instead: tanh or sigmoid for sign and step, nothing for round."
    if "slope" in reason:
        return "its input is so far out that floats see no slope: make the weights or the inputs smaller."
    return "look at the examples: their pulls add up to nothing, as at a minimum or where everything is symmetric."


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
        "dead relu", "error" if worst == 1.0 else "warning" if worst >= 0.5 else "hint",
        f"{some([text for _, text in found])}: off {'in' if uses == 1 else 'in all'} {count(uses, 'use')} of each, so no "
        "gradient comes through.",
        "take a smaller learning rate, bring the inputs to around 0, use leaky_relu, or start anew with another seed.",
    )  # fmt: skip


def saturated(kind: str, far: str, layers: dict[str, list[Unit]]) -> Iterator[Finding]:
    """Layers whose activations have hardly any slope. far: where that begins."""
    found = []
    for layer, units in layers.items():
        flat, uses = sum(unit.flat for unit in units), sum(unit.uses for unit in units)
        if uses >= FEW and flat > 0.5 * uses:
            found.append(f"{flat / uses:.0%} of the {kind}s in {layer}")
    if found:
        yield Finding(
            f"saturated {kind}", "warning",
            f"{some(found)} are saturated: the input is more than {far} away from 0, and less than a thousandth of the "
            "gradient comes through.",
            'bring the inputs to about −1 to 1, and start with smaller weights (init="xavier").',
        )  # fmt: skip


def uneven_layers(e: Evidence) -> Iterator[Finding]:
    """Gradients that vanish or explode on the way back to the first layer: those of the parameters, or those that arrive
    at what is computed from them first.
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
                "vanishing gradient", "warning", f"{sizes}: {times(far / near)} less on the way back.",
                'use relu (or tanh) instead of sigmoid, fewer layers, larger first weights (init="xavier", "he"), or Adam.',
            )  # fmt: skip
            return
        if near > APART * far:
            yield Finding(
                "exploding gradient", "warning", f"{sizes}: {times(near / far)} more on the way back.",
                'start with smaller weights (init="xavier", "he"), bring the inputs to about −1 to 1, or use clip_norm=1.0.',
            )  # fmt: skip
            return


# ---------------------------------------------------------------- what the loss is given


def squeezed(e: Evidence) -> Iterator[Finding]:
    """Losses that take logits, but are given what went through softmax, sigmoid or tanh already."""
    found: Counter[tuple[str, str, str]] = Counter()
    for i in e.all_of("softplus"):
        (z,) = e.args_of(i)
        z = e.args_of(z)[0] if e.is_a(z, "neg") else z
        kind = _squeeze(e, z)
        if kind:
            least = math.log1p(math.exp(-1.0))
            found["binary_cross_entropy", kind, f"{least:.2f}"] += 1
    for i in e.all_of("logsumexp"):
        logits = [e.args_of(z)[0] if e.is_a(z, "sub") else z for z in e.args_of(i)]
        kinds = {_squeeze(e, z) for z in logits}
        kind = "softmax" if _are_shares(e, logits) else kinds.pop() if len(kinds) == 1 else ""
        if kind and len(logits) > 1:
            apart = 2.0 if kind == "tanh" else 1.0
            found["cross_entropy", kind, f"{math.log1p((len(logits) - 1) * math.exp(-apart)):.2f}"] += 1
    for (loss, kind, least), n in found.items():
        yield Finding(
            f"{kind} before {loss}", "warning" if kind == "tanh" else "error",
            f"{loss} takes logits, the plain outputs, but what it is given went through {kind} (in {count(n, 'example')}): "
            f"so squeezed, the loss cannot fall below {least}.",
            f"leave out the last {kind}; for probabilities to show, write nn.probabilities(logits).",
        )  # fmt: skip


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
            "hidden in a program", "hint",
            f"{count(n, 'operation')} of this graph {'are' if n > 1 else 'is'} a traced program, which is not looked into: "
            "units and layers in there are not seen.",
            "compute the loss with the function itself, not with its program.",
        )  # fmt: skip


# ---------------------------------------------------------------- nan and inf


def not_finite(e: Evidence) -> Iterator[Finding]:
    """Where the first nan or infinite number comes from."""
    import numpy as np

    if np.isfinite(e.data).all():
        return
    user, arg, _ = e.edges
    inherited = np.zeros(len(e), dtype=bool)
    bad = ~np.isfinite(e.data)
    inherited[user[bad[arg]]] = True
    i = int(np.flatnonzero(bad & ~inherited)[0])
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
    edges = np.flatnonzero(bad[arg] & ~bad[user])[::-1]
    for i, j, k in zip(user[edges].tolist(), arg[edges].tolist(), which[edges].tolist(), strict=True):
        slope = partials_of(e.order[i], k)
        if not math.isfinite(slope * e.cotangents[i]):
            yield Finding(
                "infinite gradient", "error",
                f"on the way back from the loss the gradient becomes {e.cotangents[j]} at {e.text(i)}: there it is "
                f"{e.cotangents[i]:.4g}, and the slope is {slope:.4g}.",
                "scale the inputs or the loss down, or keep away from points with an infinite slope, as sqrt has at 0.",
            )  # fmt: skip
            return
    yield Finding(
        "infinite gradient", "error", "the gradients that meet on the way back from the loss add up to more than a float holds.",
        "scale the inputs or the loss down.",
    )  # fmt: skip


# ---------------------------------------------------------------- how far a step goes

SLOW = 1e-4
"""A step that lowers the loss by less than this share of it is one of more than 10,000 that are needed."""

WORTH = 1e-2
"""The share of the loss that a longer step must gain, to be worth a word."""


def step_size(loss: float, predicted: float, along: Callable[[float], float], rate: float) -> Iterator[Finding]:
    """Whether a step is too large or too small.

    loss: before it. predicted: by how much it would change if its slope stayed the same, a number < 0. along: the loss
    after so many times the step; infinite where it has no value. rate: the learning rate.
    """
    if not predicted < 0.0:
        return
    actual = along(1.0) - loss
    if actual > 0.0:
        shorter = _falls(loss, along, (0.5**k for k in range(1, 40)))
        way_out = f"a rate of {_round(shorter * rate)} lowers it; try that." if shorter else "try a far smaller rate."
        yield Finding(
            "step too large", "warning",
            f"a step with rate {rate:.4g} should lower the loss by {-predicted:.3g}, but raises it from {loss:.4g} to "
            f"{loss + actual:.4g}: it goes past the valley.", way_out,
        )  # fmt: skip
    elif -actual < SLOW * abs(loss):
        longer = _worth(loss, along)
        if longer:
            yield Finding(
                "step too small", "warning",
                f"a step with rate {rate:.4g} lowers the loss by {-actual:.2g} only, from {loss:.4g}: at this pace it takes "
                "more than 10,000 steps.",
                f"a rate of {_round(longer * rate)} lowers it by {loss - along(longer):.2g} in one step; try that.",
            )  # fmt: skip


def _falls(loss: float, along: Callable[[float], float], scales: Iterable[float]) -> float:
    """The first of some scales at which the loss falls, 0.0 if it does at none."""
    return next((scale for scale in scales if along(scale) < loss), 0.0)


def _worth(loss: float, along: Callable[[float], float]) -> float:
    """How many times longer a step must be, in powers of ten, to gain a share of the loss that is worth it; 0.0 if there
    is no such step.
    """
    enough = loss - WORTH * abs(loss)
    return next((10.0**k for k in range(2, 9) if along(10.0**k) <= enough), 0.0)


def _round(rate: float) -> str:
    """A rate with one digit, rounded down, so that it is no more than what was tried."""
    size = 10.0 ** math.floor(math.log10(rate))
    return f"{max(math.floor(rate / size * (1.0 + 1e-12)), 1) * size:.4g}"


def finite_or_infinite(compute: Callable[[], Any]) -> float:
    """A loss as a float: infinite where it is nan or has no value."""
    try:
        found = compute()
    except (ArithmeticError, ValueError):
        return math.inf
    x = float(found.data if isinstance(found, Value) else found)
    return math.inf if math.isnan(x) else x
