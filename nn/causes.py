"""What keeps a training from learning: all checks of a graph, those of its parameters and their gradients here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from autograd import Value
from nn.evidence import Evidence, sweep
from nn.findings import Finding, all_or_some, count, some
from nn.signals import (
    flat_units,
    infinite_gradient,
    inputs_out_of_scale,
    no_gradient,
    not_finite,
    programs,
    squeezed,
    uneven_layers,
)

__all__ = ["examine", "reasons"]

SEVERAL = 3
"""Parameters whose gradients do not all differ by the same factor, or the same share of the parameter, by chance."""


def examine(evidence: Evidence, *, held: bool = True) -> Iterator[Finding]:
    """All that is found in a graph. held: whether the gradients that the parameters hold should be of this loss."""
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
    yield from inputs_out_of_scale(evidence)
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
        if held:
            yield from as_they_should_be(evidence)
        yield from unreached(evidence)
        if not any(finding.name.startswith("saturated") for finding in units):  # which is why they vanish
            yield from uneven_layers(evidence)
        told = {finding.name.partition(" ")[2] for finding in units}  # dead relu, saturated tanh
        yield from (f for f in zero_gradients(evidence) if not any(f"{kind} " in f.problem for kind in told))


# ---------------------------------------------------------------- is the graph the one of this step?


def computed_parameters(e: Evidence) -> Iterator[Finding]:
    """Parameters that are results, as after w = w - 0.1 * w.grad."""
    names = list(e.computed.values())
    if names:
        (first, *_), more = e.computed, len(names) > 1
        assert first.primitive is not None
        yield Finding(
            "computed parameter",
            "error",
            f"{some(names)} {'are results' if more else 'is a result'} (of {first.primitive.name}), not "
            f"{'Values of their' if more else 'a Value of its'} own: every step makes the graph longer, and the "
            "gradient goes to what was there before.",
            "change the number and keep the Value: w.data -= rate * w.grad, not w = w - rate * w.grad; or let "
            "optimizer.step() do it.",
            tuple(names),
        )


def not_recorded(e: Evidence) -> Finding:
    """A loss that is a leaf."""
    return Finding(
        "nothing recorded",
        "error",
        f"the loss is the plain number {e.loss.data:.4g}: nothing is known about how it was computed, so no "
        "parameter gets a gradient.",
        "compute it from the parameters themselves: without no_grad, without .data, and without Value(...) around it.",
    )


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
            "earlier steps in the graph",
            "error",
            f"the graph of this loss holds {generations} steps, between which {who} changed: {len(e):,} operations and "
            "numbers hang on it.",
            "keep numbers from one step to the next, not Values: total += loss.data, not total += loss; and start a "
            "step from .data of what the last one left.",
            tuple(names),
        )
        return
    swept = e.loss.has_grad
    yield Finding(
        "changed since",
        "hint" if swept else "error",
        f"{who} changed after this loss was computed, so the loss and its graph are of older numbers.",
        "call diagnose after backward() and before step(): then the gradients can be looked at, too."
        if swept
        else "compute the loss again before backward(): first the loss, then backward(), then step().",
        tuple(names),
    )


def as_they_should_be(e: Evidence) -> Iterator[Finding]:
    """Whether the gradients that the parameters hold are those of this loss."""
    held = [p for p in e.reached if p.has_grad]
    slopes = {p: e.cotangents[i] for p, i in e.reached.items() if e.cotangents[i] != 0.0}
    if not e.loss.has_grad:
        if held:
            p = max(held, key=lambda p: abs(p.grad - slopes.get(p, 0.0)))
            who = f"{count(len(held), 'parameter')} {'hold' if len(held) > 1 else 'holds'}"
            yield Finding(
                "old gradients",
                "warning",
                f"backward() was not called on this loss: {who} the gradient of something else. {e.names[p]} has "
                f"{p.grad:.4g}, and this loss gives {slopes.get(p, 0.0):.4g}.",
                "in every step: optimizer.zero_grad(), then loss.backward(), then optimizer.step().",
            )
        elif e.reached:
            yield Finding(
                "no backward",
                "hint",
                "backward() was not called on this loss yet: no parameter has a gradient, and a step would change "
                "nothing.",
                "call loss.backward() before optimizer.step().",
            )
    elif slopes and all(p.grad == 0.0 for p in e.reached):
        yield Finding(
            "cleared gradients",
            "error",
            "backward() was called, but the gradients were cleared after it: a step would change nothing.",
            "call zero_grad() before backward(), not between backward() and step().",
        )
    else:
        yield from _not_reset(e, slopes)


def _not_reset(e: Evidence, slopes: dict[Value, float]) -> Iterator[Finding]:
    """Gradients of several sweeps. What was shortened, as by clip_gradients, is none; nor what was
    scaled or decayed by hand, which shows where there are several parameters.
    """
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
    repeated = ratio >= 2.0 and ratio == round(ratio)
    if not repeated and ((ratio and len(expected) >= SEVERAL) or _is_decay(more, expected)):
        return
    if repeated:
        problem = f"the gradients are {ratio:.0f} times those of this loss: {example}."
    else:
        who = f"{len(more):,} of {count(len(expected), 'parameter')} {'hold' if len(more) > 1 else 'holds'}"
        problem = f"{who} more than the gradient of this loss: {example}."
    yield Finding(
        "forgotten zero_grad",
        "error" if repeated else "warning",
        problem,
        "call optimizer.zero_grad() before every backward(); they add up until then. (If that is meant to be: diagnose "
        "the sum of the losses.)",
        tuple(e.names[p] for p in more),
    )


def _is_decay(more: list[Value], expected: dict[Value, float]) -> bool:
    """Whether what the gradients have more is the same share of each parameter: weight decay, added by hand."""
    shares = [(p.grad - expected[p]) / p.data for p in more if p.data != 0.0]
    if len(shares) < max(len(more), SEVERAL):
        return False
    return min(shares) > 0.0 and max(shares) - min(shares) <= 1e-6 * max(shares)


def _between(x: float, end: float, tolerance: float) -> bool:
    """Whether x lies between 0 and `end`."""
    return min(0.0, end) - tolerance <= x <= max(0.0, end) + tolerance


# ---------------------------------------------------------------- which parameters take part?


def unreached(e: Evidence) -> Iterator[Finding]:
    """Parameters that are not in the graph."""
    missing = [p for p in e.names if p not in e.place]
    if not missing:
        return
    names = tuple(e.names[p] for p in missing)
    if len(missing) == len(e.names):
        yield Finding(
            "loss without parameters",
            "error",
            f"the loss was computed without any of the {count(len(missing), 'parameter')} given ({some(names)}).",
            "are these the parameters of the model that computed it, or of another one? Is .data or no_grad used on "
            "the way?",
            names,
        )
        return
    layers = _whole(e, missing, e.names)
    whole = tuple(e.names[p] for p in missing if e.layer[p] in layers)
    if whole:
        yield Finding(
            "not used",
            "warning",
            f"{some(layers)}: the loss does not depend on {'it' if list(whole) == layers else 'any parameter there'}.",
            "use it in the model, or take it out of the parameters; look for .data, float(...) and no_grad on the way.",
            whole,
        )
    rest = tuple(e.names[p] for p in missing if e.layer[p] not in layers)
    if rest:
        yield Finding(
            "not used here",
            "hint",
            f"{count(len(rest), 'parameter')} of {len(e.names):,} were not used for this loss: {some(rest)}.",
            "nothing, if these are entries of a table that other examples use; else use them in the model.",
            rest,
        )


def _whole(e: Evidence, some_of_them: Iterable[Value], parameters: Iterable[Value]) -> list[str]:
    """The layers all of whose parameters are among some of them."""
    sizes, n = Counter(e.layer[p] for p in parameters), Counter(e.layer[p] for p in some_of_them)
    return [layer for layer in n if n[layer] == sizes[layer]]


def reasons(e: Evidence) -> dict[str, str]:
    """For each parameter whose gradient is exactly 0, by name: why."""
    found = {e.names[p]: "the loss was computed without it" for p in e.names if p not in e.place}
    return found | {e.names[p]: why for p, why in e.why_zero().items()}


def zero_gradients(e: Evidence) -> Iterator[Finding]:
    """Parameters in the graph whose gradient is exactly 0, if these are whole layers, or never get another one."""
    zeros = [p for p, i in e.reached.items() if e.cotangents[i] == 0.0]
    layers = _whole(e, zeros, e.reached)
    if not layers and not any(primitive.cut for primitive in e.primitives):
        return  # of this example or that one: an input may be 0, and half of all relus are off
    why = e.why_zero()
    named = {e.names[p]: reason for p, reason in why.items()}
    whole = {e.names[p]: reason for p, reason in why.items() if e.layer[p] in layers}
    never = {n: r for n, r in named.items() if n not in whole and ("flat" in r or "stop_gradient" in r)}
    if len(why) == len(e.reached) > 0 and e.loss.data == 0.0:
        remedy = "nothing is left to learn from these examples."
        yield Finding("loss is 0", "hint", "the loss is 0, and so is every gradient.", remedy, tuple(named))
    elif len(why) == len(e.reached) > 0:
        turning = all("turning" in reason for reason in why.values())
        yield _zero("every gradient is 0", "warning" if turning else "error", named, "every parameter")
    else:
        if whole:
            yield _zero("layer without gradient", "warning", whole, f"every parameter of {some(layers)}")
        if never:
            yield _zero("no way back", "warning", never, some([*never]))


def _zero(name: str, severity: str, why: dict[str, str], who: str) -> Finding:
    (reason, _), *others = Counter(why.values()).most_common()
    also = f" (for {len([r for r in why.values() if r != reason]):,} of {len(why):,} another reason)" if others else ""
    return Finding(name, severity, f"the gradient of {who} is exactly 0: {reason}{also}.", _way_out(reason), tuple(why))


def _way_out(reason: str) -> str:
    """What to do about a gradient that is 0."""
    if "turning" in reason:
        return (
            "nothing, if the loss is as low as it can be, as where every error is 0; if it is not, this is a maximum "
            "or a start that is too symmetric: begin with other parameters."
        )
    if "relu" in reason:
        return (
            "make the model anew with another seed, a smaller learning rate, or leaky_relu, which is never quite off."
        )
    if "multiplied" in reason:
        return "start with weights that are not 0; if they are meant to be 0 at first, look again after a step."
    if "stop_gradient" in reason:
        return "leave stop_gradient out on this way."
    if "flat" in reason:
        return "use a function with a slope instead: tanh or sigmoid for sign and step, nothing for round."
    if "slope" in reason:
        return "its input is so far out that floats see no slope: make the weights or the inputs smaller."
    return "look at the examples: their pulls add up to nothing, as at a minimum or where everything is symmetric."
