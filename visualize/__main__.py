"""`python -m visualize "tanh(w*x + b)" w=2 x=0.5 b=-1 -o out.svg`: draw an expression and its gradients.

`--explore page.html` writes a page instead, on which the gradient can be watched step by step; `--animate film.svg`, or
`-o film.gif`, a film of it; and `--worksheet sheet.html` an exercise in the chain rule.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from autograd import Value
from visualize import teaching
from visualize.animation import animate
from visualize.description import LIMIT
from visualize.explorer import explore
from visualize.expression import evaluate
from visualize.rendering import RenderError, render

__all__ = ["main"]

FILMS = (".gif", ".mp4")


class UsageError(Exception):
    """The command line is wrong; the message says how."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (python -m visualize --help shows how)")


def _parser() -> _Parser:
    parser = _Parser(
        prog="python -m visualize",
        description="Draw an expression, its value and its gradients.",
        epilog='example: python -m visualize "tanh(w*x + b)" w=2 x=0.5 b=-1 -o out.svg',
    )
    parser.add_argument("expression", help='a formula such as "tanh(w*x + b)", with the functions of autograd')
    parser.add_argument("values", nargs="*", metavar="NAME=NUMBER", help="a number for each name")
    parser.add_argument(
        "-o", "--output",
        help="ends in .svg, .png, .pdf, .dot or .mmd; or, for a film, in .gif or .mp4 (default: out.svg)",
    )  # fmt: skip
    parser.add_argument("--explore", metavar="PAGE.html", help="write a page to watch it step by step")
    parser.add_argument("--animate", metavar="FILM", help="write a film of it: ends in .svg, .gif or .mp4")
    parser.add_argument("--worksheet", metavar="SHEET.html", help="write an exercise: .html, .md, .txt or .ipynb")
    parser.add_argument("--seed", type=int, default=0, help="of a worksheet: which numbers the names get")
    parser.add_argument("--answers", action="store_true", help="of a worksheet: with the answers")
    parser.add_argument("--orientation", default="LR", help="LR, TB, RL or BT (default: %(default)s)")
    parser.add_argument("--precision", type=int, help="significant digits (default: 4, of a worksheet 3)")
    parser.add_argument("--limit", type=int, default=LIMIT, help="most nodes to draw (default: %(default)s)")
    parser.add_argument("--title", default="", help="a line above the picture")
    for what in ("data", "gradients", "contributions", "constants"):
        parser.add_argument(f"--no-{what}", dest=what, action="store_false", help=f"leave out {what}")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code, 2 if something is wrong with what was asked for."""
    parser = _parser()
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        options = vars(parser.parse_args([_shielded(word, parser) for word in words]))
        leaves = _leaves(options.pop("values"))
        expression, output = options.pop("expression").strip(), options.pop("output")
        page, film = options.pop("explore"), options.pop("animate")
        exercise = {name: options.pop(name) for name in ("worksheet", "seed", "answers")}
        if options["precision"] is None:
            options["precision"] = 4 if exercise["worksheet"] is None else 3
        if exercise["worksheet"] is not None:
            if page is not None or film is not None or output is not None:
                raise UsageError("--worksheet: give it alone; a picture, a page or a film is a command of its own")
            print(f"worksheet: {_exercise(expression, leaves, options, **exercise)}")
            return 0
        if output is not None and output.lower().endswith(FILMS):
            if film is not None:
                raise UsageError(f"-o {output}: --animate {film} asks for a film already; name one")
            film, output = output, None
        y = evaluate(expression, **leaves)
        y.backward()
        written = [] if page is None else [("page", _explored(y, page, expression, options))]
        if film is not None:
            written.append(("film", _animated(y, film, expression, options)))
        if output is not None or not written:
            written.append(("picture", render(y, output or "out.svg", **options)))
    except (UsageError, RenderError, ValueError, OSError) as error:
        print(f"visualize: {error}", file=sys.stderr)
        return 2
    print(_table(expression, y, leaves.values(), options["precision"]))
    for what, path in written:
        print(f"{what}: {path}")
    return 0


def _explored(y: Value, page: str, expression: str, options: dict[str, Any]) -> Path:
    """The page of an expression."""
    if not page.lower().endswith((".html", ".htm")):
        raise UsageError(f"--explore {page}: give a name that ends in .html")
    chosen = {name: options[name] for name in ("precision", "limit")}
    return explore(y, page, title=options["title"] or expression, **chosen)


def _animated(y: Value, film: str, expression: str, options: dict[str, Any]) -> Path:
    """The film of an expression."""
    chosen = {name: options[name] for name in ("precision", "orientation")}
    if options["limit"] != LIMIT:
        chosen["limit"] = options["limit"]
    return animate(y, film, title=options["title"] or expression, **chosen)


def _exercise(
    expression: str, leaves: dict[str, Value], options: dict[str, Any], worksheet: str, seed: int, answers: bool
) -> Path:
    """The worksheet of an expression."""
    ws = teaching.worksheet(
        expression, at=leaves, seed=seed, title=options["title"], precision=options["precision"]
    )  # fmt: skip
    return ws.save(worksheet, answers)


def _shielded(word: str, parser: _Parser) -> str:
    """An expression such as -x*y, which argparse would take for options, made into one that it does not."""
    name = word.partition("=")[0]
    option = word.startswith(("--", "-o", "-h")) or name in parser._option_string_actions
    return f" {word}" if word.startswith("-") and not option else word


def _leaves(words: Sequence[str]) -> dict[str, Value]:
    leaves: dict[str, Value] = {}
    for word in words:
        name, equals, number = (part.strip() for part in word.partition("="))
        if not equals or not name.isidentifier():
            raise UsageError(f"{word}: give values as NAME=NUMBER, such as w=2, and put the expression in quotes")
        try:
            data = float(number)
        except ValueError:
            raise UsageError(f"{word}: {number!r} is not a number; give {name} as in {name}=2") from None
        if not math.isfinite(data):
            raise UsageError(f"{word}: give {name} a finite number")
        if name in leaves:
            raise UsageError(f"{word}: {name} is given twice")
        leaves[name] = Value(data, name)
    return leaves


def _table(expression: str, y: Value, leaves: Iterable[Value], precision: int) -> str:
    """The value of the expression, and the gradient by each name."""
    lines = [f"{expression} = {y.data:.{precision}g}"]
    rows = [(v.label, f"{v.data:.{precision}g}", f"{v.grad:.{precision}g}") for v in leaves]
    if rows:
        rows.insert(0, ("", "value", "gradient"))
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines += [f"{name:<{widths[0]}}  {a:>{widths[1]}}  {b:>{widths[2]}}" for name, a, b in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
