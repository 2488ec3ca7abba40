"""Losses: how wrong an output is, for one example or averaged over a batch.

Each is a row, like a primitive: the loss of one example, and how to read the predicted class off an output, which is
what accuracy is counted with. Those for classification take *logits*, the plain outputs of a network without a last
activation, and are stable for any of them.
"""

from __future__ import annotations

import contextlib
import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import autograd
from autograd import Value, logsumexp, maximum, mean, softplus

__all__ = [
    "Loss",
    "binary_cross_entropy",
    "cross_entropy",
    "hinge",
    "mean_squared_error",
    "most_likely",
    "probabilities",
    "probabilities_text",
]


@dataclass(frozen=True, eq=False, repr=False)
class Loss:
    """A loss function; call it with an output and a target, or with lists of them for the mean over a batch.

    name: what it is called. one: the loss of one example. decide: the class an output stands for, None where there is
    no such thing. is_one: whether a target is that of one example. check: a complaint about a target, or "". labels:
    whether a target is the number of a class, to look something up with, rather than a number to compute with. doc:
    its help text.

    All of it can be traced, by `autograd.trace` and so by `fit`: a label is then an Index, and any other target a
    Value, whose number is not looked at.
    """

    name: str
    one: Callable[[Any, Any], Any]
    decide: Callable[[Any], Any] | None
    is_one: Callable[[Any, Any], bool]
    check: Callable[[Any, Any], str]
    labels: bool = False
    doc: str = ""

    def __post_init__(self) -> None:
        if self.doc:
            object.__setattr__(self, "__doc__", self.doc)

    def _replace(self, **parts: Any) -> Loss:
        """The loss with other parts, as of a named tuple."""
        return replace(self, **parts)

    def __reduce__(self) -> Any:
        known = globals().get(self.name)
        return self.name if known is self else object.__reduce__(self)

    def __call__(self, output: Any, target: Any) -> Any:
        """The loss, a Value; raises ValueError if output and target do not fit each other."""
        if self.is_one(output, target):
            complaint = self.check(output, target)
            if complaint:
                raise ValueError(f"{self.name}: {complaint}")
            return self.one(output, target)
        if not (_is_list(output) and _is_list(target)):
            hint = ""
            if self.decide is _one_hot_class and _is_class(target, output):
                hint = (
                    f". For classes, give nn.cross_entropy the number of the class; {self.name} needs a target like "
                    f"the output: autograd.one_hot({int(target)}, {len(output)})"
                )
            raise ValueError(
                f"{self.name}: one output needs one target, and a list of outputs a list of targets; "
                f"got output {output!r:.200} and target {target!r:.200}{hint}"
            )
        outputs, targets = list(output), list(target)
        if self.labels and len(outputs) == len(targets) and is_one_hot(targets) and not _is_list(outputs[0]):
            raise ValueError(
                f"{self.name}: the target of n logits is the number of a class, got {target!r:.200}; of a list with 1 "
                "at the class and 0 elsewhere, the number is nn.most_likely(target)"
            )
        if len(outputs) != len(targets):
            raise ValueError(f"{self.name}: {len(outputs)} outputs, but {len(targets)} targets")
        if not outputs:
            raise ValueError(f"{self.name}: needs at least one example, got none")
        return mean([self(o, t) for o, t in zip(outputs, targets, strict=True)])

    def __repr__(self) -> str:
        return f"<loss {self.name}>"

    def check_targets(self, output: Any, targets: Sequence[Any]) -> None:
        """Raise the ValueError that a call with `output` and one of the targets would raise."""
        checks = self._replace(one=lambda output, target: 0.0)
        with contextlib.suppress(TypeError):  # lists in lists: then one by one
            targets = list({tuple(t) if isinstance(t, list) else t: t for t in targets}.values())
        for target in targets:
            checks(output, target)


def is_one_hot(target: Any) -> bool:
    """Whether a list is a class written as 1 at its place and 0 elsewhere."""
    plain = all(isinstance(x, numbers.Real) and x in (0, 1) for x in target)
    return plain and len(target) > 1 and sum(target) == 1


def _is_class(target: Any, output: Any) -> bool:
    return isinstance(target, numbers.Integral) and _is_list(output) and 0 <= int(target) < len(output)


def _scalar(output: Any, target: Any) -> bool:
    return not _is_list(output) and not _is_list(target)


def _is_list(x: Any) -> bool:
    return (isinstance(x, Sequence) and not isinstance(x, str)) or bool(getattr(x, "shape", ()))


def _number(output: Any, target: Any) -> str:
    for what, x in (("output", output), ("target", target)):
        if not isinstance(x, Value | numbers.Real):
            return f"the {what} must be a number, got {x!r}"
    return ""


def _sign_target(output: Any, target: Any) -> str:
    complaint = _number(output, target)
    if not complaint and not isinstance(target, Value) and target not in (-1, 1):
        return f"the target must be -1 or 1, got {target!r}; from classes 0 and 1 make it with 2 * target - 1"
    return complaint


def _unit_target(output: Any, target: Any) -> str:
    complaint = _number(output, target)
    if not complaint and not isinstance(target, Value) and not 0 <= target <= 1:
        return f"the target must lie between 0 and 1, got {target!r}; from -1 and 1 make it with (target + 1) / 2"
    return complaint


def _class_target(output: Any, target: Any) -> str:
    if not _is_list(output) or len(output) < 2:
        return f"needs at least two logits, got {output!r}; for one logit use binary_cross_entropy"
    if isinstance(output[0], Value) and output[0].primitive is _SHARE:
        return (
            "takes logits, the plain outputs of a network, but these went through softmax already; leave that out, and "
            "see probabilities with nn.probabilities(logits)"
        )
    if not isinstance(target, numbers.Real) and isinstance(target, autograd.Index):
        return ""  # `take` looks at it
    is_class = isinstance(target, numbers.Real) and float(target) % 1.0 == 0.0
    if not is_class or not 0 <= float(target) < len(output):
        return (
            f"the target must be a class from 0 to {len(output) - 1}, as there are {len(output)} logits; got {target!r}"
        )
    return ""


_SHARE = autograd.TABLE["fraction"]  # what softmax ends with


def _binary_cross_entropy(logit: Any, target: Any) -> Any:
    # -t log σ(z) - (1 - t) log σ(-z), with -log σ(z) = softplus(-z): no cancellation, and for a plain 0 or 1 one term.
    # A target that is a Value is not looked at: a program has one path for all targets then.
    if not isinstance(target, Value) and target in (0, 1):
        return softplus(-logit if target else logit)
    return target * softplus(-logit) + (1.0 - target) * softplus(logit)


def _cross_entropy(logits: Any, target: Any) -> Any:
    # log Σ exp(z - z_target) rather than logsumexp(z) - z_target: large logits cancel before they are rounded.
    right = logits[int(float(target))] if isinstance(target, numbers.Real) else autograd.take(logits, target)
    return logsumexp([z - right for z in logits])


def _one_hot_class(output: Any) -> int | None:
    return most_likely(output) if _is_list(output) and len(output) > 1 else None


def most_likely(output: Sequence[Any]) -> int:
    """The place of the largest output: the class a network decides for."""
    return max(range(len(output)), key=lambda i: output[i])


mean_squared_error = Loss(
    "mean_squared_error",
    lambda output, target: (output - target) ** 2,
    _one_hot_class,
    _scalar,
    _number,
    doc="""mean_squared_error(output, target)

Mean over all numbers of (output - target)², for regression.

Output and target have the same shape: numbers, or (nested) lists. Derivative by an output: 2 · (output - target), over
how many there are.

>>> mean_squared_error([1.0, 2.0], [1.0, 4.0])
2.0
""",
)

hinge = Loss(
    "hinge",
    lambda score, target: maximum(1.0 - target * score, 0.0),
    lambda score: 1 if score > 0.0 else -1,
    _scalar,
    _sign_target,
    doc="""hinge(score, target)

max(0, 1 - target · score): 0 once the score has the right sign by a margin of 1.

Targets are -1 or 1. Derivative by the score: -target, or 0 beyond the margin; 1/2 of it at the margin, the kink.

>>> hinge(0.25, 1)
0.75
""",
)

binary_cross_entropy = Loss(
    "binary_cross_entropy",
    _binary_cross_entropy,
    lambda logit: 1 if logit > 0.0 else 0,
    _scalar,
    _unit_target,
    doc="""binary_cross_entropy(logit, target)

-log of the probability that sigmoid(logit) gives to the target, for two classes.

Targets are 0 or 1, or a probability between; the logit is the plain output of a network, without a last sigmoid.
Derivative by the logit: sigmoid(logit) - target.

>>> round(binary_cross_entropy(0.0, 1), 4)  # log 2: it could be either
0.6931
""",
)

cross_entropy = Loss(
    "cross_entropy",
    _cross_entropy,
    most_likely,
    lambda output, target: not _is_list(target),
    _class_target,
    labels=True,
    doc="""cross_entropy(logits, target)

-log of the probability that softmax(logits) gives to the target, for n classes.

Takes n logits, the plain outputs of a network without a last softmax, and the number of a class, from 0 to n - 1.
Derivative by a logit: its probability, less 1 for the target's.

>>> round(cross_entropy([0.0, 0.0], 1), 4)  # log 2: it could be either
0.6931
""",
)


def probabilities(logits: Any) -> list[float]:
    """The probability of each class, floats that add up to 1: the softmax of n logits, or for one logit [1 - p, p]."""
    if not _is_list(logits):
        p = autograd.sigmoid(logits.data if isinstance(logits, Value) else logits)
        return [1.0 - p, p]
    return autograd.softmax([x.data if isinstance(x, Value) else float(x) for x in logits])


def probabilities_text(chances: Sequence[float], names: Sequence[str] | None = None, at_most: int = 3) -> str:
    """The likeliest classes in words.

    >>> probabilities_text([0.02, 0.9, 0.08], ["rabbit", "cat", "dog"])
    '90 % cat, 8 % dog, 2 % rabbit'
    """
    order = sorted(range(len(chances)), key=lambda i: -chances[i])[:at_most]
    return ", ".join(f"{100 * chances[i]:.0f} % {names[i] if names is not None else i}" for i in order)
