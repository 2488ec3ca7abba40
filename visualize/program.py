"""A program as a picture: the array operations that many scalar ones were rolled into."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from visualize.description import GraphTooLarge
from visualize.scene import BIG, HEADING, PAD, ROW, Arrow, Box, Row, Scene
from visualize.style import text_width

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from autograd import Program

__all__ = ["is_program", "program_scene"]

LEAVES = {"parameters": "parameter", "constants": "constant"}


def is_program(what: Any) -> TypeIs[Program]:
    """Whether it is a Program. None is there unless its module is, which needs NumPy and is not imported for this."""
    module = sys.modules.get("autograd.program")
    return isinstance(what, getattr(module, "Program", ()))


def program_scene(program: Program, *, orientation: str, title: str, limit: int) -> Scene:
    """Boxes with operation and shape (n is the batch), edges from what each reads; dashed where rows are gathered.

    Of a program with branches, the path that was traced first.
    """
    found = program.equations()
    if len(found) > limit:
        raise GraphTooLarge(
            f"draw: the program has {len(found):,} array operations, too many to read (the limit is {limit}). "
            f"print(program) shows them as equations; to draw them all the same, give limit={len(found)}."
        )
    boxes: dict[str, Box] = {}
    arrows: list[Arrow] = []
    for e in found:
        key = f"e{e.number}"
        for operand in e.operands:
            shape = " × ".join(map(str, operand.shape))
            for source in operand.sources:
                node = f"e{source[1:]}"
                if not source.startswith("%"):
                    kind = "leaf" if source.startswith("argument") else LEAVES.get(source, "constant")
                    # Parameters and constants are read everywhere: a box for each reader keeps the picture readable.
                    node = source.replace(" ", "_") if kind == "leaf" else f"{source}_of_{e.number}"
                    boxes.setdefault(node, _box(node, kind, source, shape if kind == "parameter" else "", source))
                words = ("gather", "") if operand.gathered else ("", "")
                width = text_width(words[0], 10.0) + 10.0 if words[0] else 0.0
                story = f"{source} as {shape}"
                arrow = Arrow(f"a{len(arrows)}", node, key, words, "none", 0.0, operand.gathered, story, width)
                arrows.append(arrow)
        kind = "result" if e is found[-1] else "operation"
        boxes[key] = _box(key, kind, e.name, e.shape, f"%{e.number} = {e}, {e.flops:,} flops an example")
    about = f"{len(found)} array operations, the last one {found[-1].name}." if found else "No operation."
    return Scene(tuple(boxes.values()), tuple(arrows), orientation, title, about)


def _box(key: str, kind: str, name: str, shape: str, story: str) -> Box:
    rows = (Row("", shape, "soft"),) if shape else ()
    width = max(text_width(name, BIG), text_width(shape, 11.0)) + 2.0 * PAD
    return Box(key, kind, (name,), "", rows, story, width, HEADING + (ROW + 6.0 if rows else 0.0))
