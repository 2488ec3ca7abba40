"""An Explanation as text for a terminal, as Markdown and as LaTeX."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from autograd.engine import Value
from autograd.formulas import name_in_latex, said, slope_of, to_latex
from autograd.paths import exact_sum

if TYPE_CHECKING:
    from autograd.explain import Explanation, Path, Step

__all__ = ["CONVENTION", "OWN", "ROUNDING", "STOPPED", "as_latex", "as_markdown", "as_text", "many"]

WIDTH = 100
"""Columns of a terminal."""
FORMULA = 46
"""How many characters of a formula are shown."""
LONG = 16
"""How many nodes of a path are written out; of a longer one both ends, and where it leaves the strongest path."""
APART = 3

# Why a gradient may not be how y changes with x.
ROUNDING, CONVENTION, STOPPED, OWN = "rounding", "convention", "stop_gradient", "a gradient of its own"


def many(n: int) -> str:
    """A number of paths, however large: Python's own int has no end."""
    if n < 10**15:
        return f"{n:,}"
    exponent = math.log10(n)
    return f"about {10 ** (exponent % 1.0):.2f} × 10^{int(exponent)}"


def clipped(text: str, width: int) -> str:
    """The text, or its beginning and its end."""
    if len(text) <= width:
        return text
    return f"{text[: width - 1 - width // 3]}…{text[-(width // 3) :]}"


# ---------------------------------------------------------------- sentences


def title(e: Explanation) -> str:
    """What is explained, and at which numbers."""
    return f"How {e.y} depends on {e.x}, at {e.x} = {said(e.at)}, where {e.y} = {said(e.value)}"


def verdict(e: Explanation) -> str:
    """What the gradient says, in a sentence."""
    g = e.gradient
    slope = f"{slope_of(e.y, e.x)} = {g:.6g}"
    if e.y == e.x:
        return f"{slope}: it is the same Value."
    if math.isnan(g):
        return f"{slope_of(e.y, e.x)} has no value here. Why:"
    if math.isinf(g):
        return f"{slope}: {e.y} changes infinitely fast with {e.x}. Why:"
    if g == 0.0:
        return f"{slope_of(e.y, e.x)} = 0{but(e) or f': when {e.x} changes by a little, {e.y} does not change'}. Why:"
    if e.reservation in (ROUNDING, CONVENTION):
        return f"{slope}{but(e)}."
    much = "just as much" if abs(g) == 1.0 else f"{said(abs(g))} times as much"
    return f"{slope}{but(e)}: when {e.x} grows by a little, {e.y} {'grows' if g > 0.0 else 'falls'} by {much}."


def but(e: Explanation) -> str:
    """What keeps the gradient from saying how y changes; "" if nothing does."""
    return {
        ROUNDING: " in floats: rounding on the way decides it",
        CONVENTION: " is a convention: an operation on the way is exactly at a kink or a jump",
        STOPPED: ", with what stop_gradient holds taken as constant",
        OWN: ", as an operation's own gradient says, which was not looked into",
    }.get(e.reservation, "")


def paths_sentence(e: Explanation) -> str:
    """How many paths there are, and what is to be done with them."""
    if e.paths == 1:
        return f"One path leads from {e.x} to {e.y}; multiply the slopes along it:"
    words = f"{many(e.paths)} paths lead from {e.x} to {e.y}; multiply the slopes along each, and add up."
    dead = e.paths - e.carrying
    if dead and not math.isnan(e.gradient):
        which = "None of them carries anything" if not e.carrying else (
            "1 of them carries nothing" if dead == 1 else f"{many(dead)} of them carry nothing"
        )  # fmt: skip
        words += f" {which}: a slope on the way is 0."
    if len(told(e)) < e.paths and e.carrying > len(told(e)):
        words += f" The {len(e.best)} that carry most:" if len(e.best) > 1 else " The one that carries most:"
    return words[0].upper() + words[1:]


def covered(e: Explanation) -> str:
    """How much of the gradient the paths that are shown are."""
    total = exact_sum(path.product for path in told(e))
    if e.paths == 1 or not math.isfinite(total) or not math.isfinite(e.gradient):
        return ""
    rest = e.carrying - len(told(e))
    if rest <= 0:
        rounded = "" if said(total) == said(e.gradient) else f", and {said(e.gradient)} as the sweep rounds it"
        return f"Together {said(total)}{rounded}."
    part = f", {percent(total / e.gradient)}" if e.gradient else ""
    others = "one more path adds" if rest == 1 else f"{many(rest)} more paths add"
    return f"Together {said(total)} of {said(e.gradient)}{part}; {others} the rest."


def percent(share: float) -> str:
    """A share, in per cent; one that is many times the whole is told as that."""
    if abs(share) >= 10.0:
        return f"{said(float(round(share)))} times the gradient"
    return "less than 1 %" if 0.0 < abs(share) < 0.005 else f"{100.0 * share:.0f} %"


# ---------------------------------------------------------------- one path


def kept(path: Path, first: Path) -> list[int]:
    """Which nodes of a path are written out, `first` being the strongest one."""
    n = len(path.nodes)
    if n <= LONG:
        return list(range(n))
    chosen = {0, 1, 2, n - 3, n - 2, n - 1}
    if path is not first:
        ours, theirs = (list(zip(p.names, (*p.places, -1), strict=True)) for p in (path, first))
        apart = [i for i in range(n) if i >= len(theirs) or ours[i] != theirs[i]]
        chosen.update(apart[:APART])
    return sorted(chosen)


def gapped(texts: Sequence[str], places: Sequence[int]) -> list[str]:
    """Some of the texts, and how many there are in between."""
    found: list[str] = []
    before = -1
    for i in places:
        if i > before + 1:
            found.append(f"… {i - before - 1:,} more …")
        found.append(texts[i])
        before = i
    return found


def arrows(path: Path, first: Path) -> str:
    """x → v1 → y. Which argument, where the same Value is several."""
    called = [*path.names]
    for n in kept(path, first)[:-1]:
        node, following = path.nodes[n], path.nodes[n + 1]
        if sum(isinstance(arg, Value) and arg is node for arg in following.args) > 1:
            called[n] += f" (argument {path.places[n] + 1})"
    return " → ".join(gapped(called, kept(path, first)))


def product(path: Path, first: Path) -> str:
    """The factors and what they make."""
    factors = [said(x) if x >= 0.0 or x != x else f"({said(x)})" for x in path.factors]
    if len(path.nodes) > LONG:
        steps = sorted({i for i in kept(path, first) if i < len(factors)})
        factors = gapped(factors, steps)
    made = said(path.product)
    if path.product in (0.0, math.inf, -math.inf) and math.isfinite(path.exponent):
        what = "too small" if path.product == 0.0 else "too large"
        made = f"about 10^{path.exponent:.0f}, {what} for a float{' on the way' * (abs(path.exponent) < 308.0)}"
    return " · ".join(factors) + (f" = {made}" if len(factors) != 1 else "")


def share(e: Explanation, path: Path) -> str:
    """What part of the gradient a path is; "" if that says nothing."""
    return percent(path.share) if e.paths > 1 and path.product and math.isfinite(path.share) else ""


def told(e: Explanation) -> list[Path]:
    """The paths to show: all, or where there are more than that, those that carry something."""
    alive = [path for path in e.best if path.product != 0.0 or math.isfinite(path.exponent)]
    return alive if alive and len(e.best) < e.paths else e.best


def path_lines(e: Explanation, path: Path) -> list[str]:
    """One path as a line, or several if it is long."""
    way, made = arrows(path, e.best[0]), product(path, e.best[0])
    part = share(e, path)
    made += f"  ({part})" if part else ""
    if len(way) + len(made) + 5 <= WIDTH:
        return [f"  {way}:  {made}"]
    return [*wrapped(f"{way}:", "  ", "    "), *wrapped(made, "      ", "      ")]


def wrapped(text: str, first: str, others: str) -> list[str]:
    """Lines of at most WIDTH columns, none of which begins with a sign =."""
    held = (
        text.replace(" = ", "\u00a0=\u00a0")
        .replace(" more …", "\u00a0more\u00a0…")
        .replace("… ", "…\u00a0")
        .replace("(argument ", "(argument\u00a0")
    )
    lines = textwrap.wrap(held, WIDTH, initial_indent=first, subsequent_indent=others)
    return [line.replace("\u00a0", " ") for line in lines]


# ---------------------------------------------------------------- text


def slope_text(step: Step, i: int) -> str:
    """∂y/∂v1 = 1 - y² = 0.42; but ∂y/∂v1 = 0 (1 if v1 > 0, else 0)."""
    slope = step.slopes[i]
    which = f" (argument {slope.argument})" * bool(slope.argument)
    left, number = f"{slope_of(step.name, slope.by)}{which}", said(slope.number)
    if slope.in_words:
        return f"{left} = {number} ({slope.formula})"
    return f"{left} = {slope.formula} = {number}" if slope.formula not in ("", number) else f"{left} = {number}"


def step_lines(steps: Sequence[Step]) -> list[str]:
    """The steps as a table: name, formula, number, slopes."""
    cells = [(step.name, clipped(step.formula, FORMULA), said(step.value)) for step in steps]
    widths = [max((len(cell[i]) for cell in cells), default=0) for i in range(3)]
    lines: list[str] = []
    site = None
    for step, (name, formula, number) in zip(steps, cells, strict=True):
        if step.skipped:
            lines.append(f"  … {step.skipped:,} more steps …")
        if step.site is not None and step.site != site:
            lines.append(clipped(f"  {step.site.short}", WIDTH))
        site = step.site
        left = f"  {name.ljust(widths[0])} = {formula.ljust(widths[1])} = {number.ljust(widths[2])}  "
        texts = [slope_text(step, i) for i in range(len(step.slopes))]
        texts += [f"… {step.more:,} more …"] * bool(step.more)
        for n, text in enumerate(texts):
            margin = left if n == 0 else " " * len(left)
            if len(margin) + len(text) > WIDTH and n == 0:
                lines.append(left.rstrip())
            if len(margin) + len(text) > WIDTH:
                margin = "        "
            lines.append(margin + clipped(text, WIDTH - len(margin)))
    return lines


def as_text(e: Explanation) -> str:
    """For a terminal: at most 100 columns, and some tens of lines."""
    lines = [clipped(title(e), WIDTH), "", *wrapped(verdict(e), "", "")]
    for sentence in e.why:
        lines += wrapped(sentence, "- ", "  ")
    if e.steps:
        lines.append("")
        if len(e.steps) < e.length:
            lines.append(f"Of {e.length:,} operations in between, those of the path that carries most:")
        lines += step_lines(e.steps)
        lines += wrapped(f"with {', '.join(f'{name} = {said(x)}' for name, x in e.given)}", "  ", "  ")
        lines += ["", *wrapped(paths_sentence(e), "", "")]
        for path in told(e):
            lines += path_lines(e, path)
        lines += wrapped(covered(e), "", "")
    return "\n".join(lines)


# ---------------------------------------------------------------- Markdown


def code(text: str) -> str:
    """Text as it is, in Markdown."""
    fence = "`"
    while fence in text:
        fence += "`"
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def row(*cells: str) -> str:
    """A row of a table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def plain(text: str) -> str:
    """A sentence with nothing in it that Markdown would take for its own."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|~$&" else c for c in text)


def as_markdown(e: Explanation) -> str:
    """Headline, sentences, a table of the steps and one of the paths."""
    lines = [f"**{plain(title(e))}**", "", plain(verdict(e)), ""]
    lines += [f"- {plain(sentence)}" for sentence in e.why] + [""] * bool(e.why)
    if not e.steps:
        return "\n".join(lines).rstrip() + "\n"
    lines += ["| step | number | slope |", "| --- | --- | --- |"]
    site = None
    for step in e.steps:
        if step.skipped:
            lines.append(row(f"… {step.skipped:,} more steps …", "", ""))
        if step.site is not None and step.site != site:
            lines.append(row(code(step.site.short), "", ""))
        site = step.site
        slopes = [code(slope_text(step, i)) for i in range(len(step.slopes))] + [f"… {step.more:,} more …"] * bool(
            step.more
        )
        lines.append(row(code(f"{step.name} = {step.formula}"), said(step.value), "<br>".join(slopes)))
    given = ", ".join(code(f"{name} = {said(x)}") for name, x in e.given)
    lines += ["", f"with {given}", "", plain(paths_sentence(e)), "", "| path | slopes | share |", "| --- | --- | --- |"]
    for path in told(e):
        lines.append(row(code(arrows(path, e.best[0])), code(product(path, e.best[0])), share(e, path)))
    return "\n".join([*lines, "", plain(covered(e))]).rstrip() + "\n"


# ---------------------------------------------------------------- LaTeX


def fraction(y: str, x: str) -> str:
    r"""\frac{\partial y}{\partial x}."""
    return rf"\frac{{\partial {name_in_latex(y)}}}{{\partial {name_in_latex(x)}}}"


def number(x: float) -> str:
    """A number."""
    return {"inf": r"\infty", "-inf": r"-\infty", "nan": r"\mathrm{nan}"}.get(said(x)) or to_latex(said(x), {})


def term(x: float) -> str:
    """A number in a sum or a product: in brackets if it has a sign."""
    return rf"\left({number(x)}\right)" if number(x).startswith("-") else number(x)


def as_latex(e: Explanation) -> str:
    """The steps and the chain rule, aligned."""
    lines = []
    for step in e.steps:
        if step.skipped:
            lines.append(r"&\ \vdots")
        first = rf"{name_in_latex(step.name)} &= {step.latex} = {number(step.value)}"
        for slope in step.slopes:
            hidden = slope.formula in ("", said(slope.number)) or slope.in_words
            shown = [fraction(step.name, slope.by), *[slope.latex] * (not hidden), number(slope.number)]
            lines.append(rf"{first} & \qquad {' &= '.join(shown[:2])}{''.join(f' = {text}' for text in shown[2:])}")
            first = "&"
    lines += _chain_rule(e)
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _chain_rule(e: Explanation) -> list[str]:
    """∂y/∂x as the product along the one path, or as the sum of the products along several."""
    slope = fraction(e.y, e.x)
    if e.paths == 1 and 1 < len(e.best[0].factors) <= LONG:
        path = e.best[0]
        factors = [fraction(b, a) for a, b in zip(path.names, path.names[1:], strict=False)]
        by_number = r" \cdot ".join(term(x) for x in path.factors)
        return [rf"{slope} &= {' '.join(factors)}", rf"&= {by_number} = {number(e.gradient)}"]
    terms = [term(path.product) for path in told(e)] + [r"\cdots"] * (len(told(e)) < e.paths)
    total = "" if len(terms) == 1 else f" = {number(e.gradient)}"
    return [rf"{slope} &= {' + '.join(terms)}{total}"]
