"""Why does it not learn? What the graph of a loss, and the gradients that its parameters hold, say about that."""

from __future__ import annotations

import math
import numbers
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape
from typing import Any

from autograd import Value, no_grad
from autograd.elsewhere import advised
from autograd.holding import holding
from nn.causes import examine, reasons
from nn.evidence import gather
from nn.findings import SEVERITIES, Finding
from nn.module import Module, known_parameters
from nn.pace import finite_or_infinite, step_size

__all__ = ["Diagnosis", "diagnose", "named"]


class Diagnosis(list[Finding]):
    """What was found, the worst first; prints as text, and shows as such in a notebook.

    nodes: how many Values there are in the graph. zeros: for each parameter whose gradient is exactly 0, by name: why.
    """

    nodes: int = 0
    zeros: dict[str, str]

    def __init__(
        self, findings: Iterable[Finding] = (), nodes: int = 0, zeros: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))
        self.nodes, self.zeros = nodes, dict(zeros or {})

    def __str__(self) -> str:
        return "\n".join(str(finding) for finding in self) or self._nothing()

    __repr__ = __str__

    def _nothing(self) -> str:
        return (
            f"nothing found in {self.nodes:,} operations and numbers. Looked for: gradients that are missing, old or "
            "added up, parameters without effect, units that are off or saturated, gradients that vanish or explode, "
            "squeezed logits, nan and inf."
        )

    def _repr_html_(self) -> str:
        shown = [
            f"<p><b>{finding.severity}: {escape(finding.name)}</b><br>{escape(finding.problem)}<br>→ "
            f"{escape(finding.remedy)}</p>"
            for finding in self
        ]
        return "".join(shown) or f"<p>{self._nothing()}</p>"


@advised
def diagnose(
    loss: Value,
    parameters: Module | Mapping[str, Any] | Iterable[Any],
    *,
    f: Callable[[], Any] | None = None,
    rate: float | None = None,
) -> Diagnosis:
    """Look for what keeps a training from learning, in the graph of one loss.

    loss: a Value, best after its backward() and before the step. parameters: a Module, a list of Values, or a dict of
        name to Value; there may be (nested) lists in place of a Value. f, rate: a function that computes the loss
        anew, and a learning rate: then one step of gradient descent is tried, and taken back, and what it does is
        compared with what the gradient promises.

    Nothing is changed. Returns a `Diagnosis`, a list of `Finding`s that prints; an empty one has found nothing.

    >>> w = Value(3.0, label="w")
    >>> loss = (w * 2.0 - 1.0) ** 2
    >>> loss.backward()
    >>> loss.backward()
    >>> diagnose(loss, [w])  # doctest: +ELLIPSIS
    error: forgotten zero_grad
      the gradients are 2 times those of this loss: w has 40, and this loss gives 20.
      → call optimizer.zero_grad() before every backward(); they add up until then. (If that ...)
    """
    _check_loss(loss)
    names = named(parameters)
    _check_step(f, rate)
    evidence = gather(loss, names)
    findings = list(examine(evidence))
    swept = evidence.cotangents is not None and all(map(math.isfinite, evidence.cotangents))
    if f is not None and rate is not None and swept:
        findings += _one_step(loss, evidence, f, float(rate))
    return Diagnosis(findings, len(evidence), reasons(evidence) if swept else {})


def _one_step(loss: Value, evidence: Any, f: Callable[[], Any], rate: float) -> list[Finding]:
    """What one step of gradient descent does, and what its gradient promises."""
    import numpy as np

    parameters = list(evidence.reached)
    theta, g = evidence.data[[*evidence.reached.values()]], evidence.cotangents[[*evidence.reached.values()]]

    def along(scale: float) -> float:
        with np.errstate(all="ignore"):
            there = theta - scale * rate * g
        if not np.isfinite(there).all():
            return math.inf
        with holding(parameters, there), no_grad():
            return finite_or_infinite(f)

    before = along(0.0)
    if not math.isclose(before, loss.data, rel_tol=1e-6, abs_tol=1e-12):
        raise ValueError(
            f"diagnose: f() gives {before:.6g}, but the loss is {loss.data:.6g}: f must compute the same loss again, "
            "from the same examples and without random numbers"
        )
    return list(step_size(loss.data, -rate * float(g @ g), along, rate))


# ---------------------------------------------------------------- arguments


def _check_loss(loss: Any) -> None:
    if not isinstance(loss, Value):
        hint = ""
        if isinstance(loss, numbers.Real):
            hint = "; a plain number does not know how it was computed: pass the loss itself, not loss.data"
        elif isinstance(loss, list | tuple):
            hint = "; of several losses, pass their mean: autograd.mean(losses)"
        raise TypeError(f"diagnose: the loss must be a Value, got {loss!r:.200}{hint}")


def named(parameters: Any) -> dict[Value, str]:
    """The parameters with their names, each once."""
    if isinstance(parameters, Module):
        given = list(parameters.named_parameters())
    elif isinstance(parameters, Mapping):
        given = [pair for name, part in parameters.items() for pair in _flat(str(name), part)]
    elif isinstance(parameters, Value | str) or not isinstance(parameters, Iterable):
        held = getattr(parameters, "parameters", None)
        hint = "" if held is None else "; pass its parameters" + ("()" if callable(held) else "")
        raise TypeError(
            "diagnose: the parameters must be a model, a list of Values, as in [w, b], or a dict from names to Values; "
            f"got {parameters!r:.200}{hint}"
        )
    else:
        given = [("", parameter) for part in parameters for _, parameter in _flat("", part)]
    for name, parameter in given:
        if not isinstance(parameter, Value):
            where = f" ({name!r})" if name else ""
            raise TypeError(f"diagnose: every parameter must be a Value, got {parameter!r:.200}{where}")
    if not given:
        raise ValueError("diagnose: there are no parameters; pass the model, or a list of Values such as [w, b]")
    nameless = [parameter for name, parameter in given if not name and not parameter.label]
    known = known_parameters(nameless) if nameless else {}
    found: dict[Value, str] = {}
    taken: Counter[str] = Counter()
    for i, (own, parameter) in enumerate(given):
        if parameter not in found:
            name = own or parameter.label or known.get(parameter, "") or f"parameters[{i}]"
            taken[name] += 1  # two models have parameters of the same names
            found[parameter] = name if taken[name] == 1 else f"model{taken[name]}.{name}"
    return found


def _flat(name: str, part: Any) -> Iterator[tuple[str, Any]]:
    """What is in (nested) lists, with dotted names."""
    if not isinstance(part, list | tuple):
        yield name, part
        return
    for i, entry in enumerate(part):
        yield from _flat(f"{name}.{i}", entry)


def _check_step(f: Any, rate: Any) -> None:
    if (f is None) != (rate is None):
        raise ValueError(
            "diagnose: f and rate belong together, a function that computes the loss anew and the learning rate: "
            "diagnose(loss, model, f=lambda: loss_of(model), rate=0.1)"
        )
    if f is not None and not callable(f):
        raise TypeError(f"diagnose: f must be a function without arguments that computes the loss anew, got {f!r:.200}")
    if rate is not None and (not isinstance(rate, numbers.Real) or not 0.0 < float(rate) < math.inf):
        raise ValueError(f"diagnose: the rate must be a number > 0, got {rate!r}")
