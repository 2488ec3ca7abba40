"""Show: what scalars became, as numbered equations with shapes, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from autograd.program.arguments import Slot
from autograd.program.graph import CONSTANT, INPUT, PARAMETER
from autograd.program.roll import Instruction, Plan, Ref, strides_of

__all__ = ["Equation", "Operand", "Stats", "equations", "text"]


class Operand(NamedTuple):
    """What an equation reads. sources: numbers of equations, names of arguments, "parameters" or constants.

    gathered: whether its rows do not lie evenly, and are copied together first.
    """

    sources: tuple[str, ...]
    shape: tuple[int, ...]
    gathered: bool

    def __str__(self) -> str:
        name = ", ".join(self.sources[:4]) + (", ..." if len(self.sources) > 4 else "")
        name = f"[{name}]" if len(self.sources) > 1 else name
        return f"take({name})" if self.gathered else name


class Equation(NamedTuple):
    """One array operation: `%number = name(operands)`. shape: of the result, with n for the batch if it has one."""

    number: int
    name: str
    operands: tuple[Operand, ...]
    shape: str
    flops: int

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.operands))})"


class Stats(NamedTuple):
    """What a program costs, on the path that was traced first.

    nodes: scalar operations in the record; operations: array operations they became; flops: elementary operations for
    the value of one example; bytes: memory for the numbers of one example, parameters and constants included.
    """

    nodes: int
    operations: int
    flops: int
    bytes: int


def equations(plan: Plan, slots: Sequence[Slot]) -> list[Equation]:
    """A plan as equations, in order."""
    blocks = [(i.space, i.row, i.row + i.size) for i in plan.instructions]
    ends = {space: np.array([end for s, _, end in blocks if s == space]) for space in range(4)}
    numbers = {space: [k for k, (s, _, _) in enumerate(blocks, 1) if s == space] for space in range(4)}

    def operand(ref: Ref) -> Operand:
        rows = np.unique(ref.rows)
        sources: list[str] = []
        if ref.space == CONSTANT:
            shown = [f"{x:g}" for x in dict.fromkeys(plan.constants[rows].tolist())]
            sources = shown if len(shown) <= 3 else ["constants"]
        elif ref.space == INPUT:
            sources = [slot.name for slot in slots if ((rows >= slot.start) & (rows < slot.start + slot.size)).any()]
        else:
            if ref.space == PARAMETER and rows[0] < plan.n_parameters:
                sources.append("parameters")
                rows = rows[rows >= plan.n_parameters]
            found = np.unique(np.searchsorted(ends[ref.space], rows, side="right"))
            sources += [f"%{numbers[ref.space][k]}" for k in found.tolist()]
        gathered = ref.space != CONSTANT and strides_of(ref.rows) is None
        return Operand(tuple(sources), ref.rows.shape, gathered)

    return [
        Equation(k, _name(i), tuple(operand(ref) for ref in i.operands), _shape(i), i.flops)
        for k, i in enumerate(plan.instructions, 1)
    ]


def _name(i: Instruction) -> str:
    return "matmul" if i.kind == "matmul" else i.primitive.name


def _shape(i: Instruction) -> str:
    shape = i.shape if i.kind != "matmul" or i.shape[0] > 1 else i.shape[1:]
    return " × ".join(map(str, [*shape, "n"] if i.space >= INPUT else shape))


def text(found: Sequence[Equation], seconds: Sequence[tuple[float, float]] | None = None, most: int = 200) -> list[str]:
    """Equations as aligned lines; with the seconds that each took, forward and backward."""
    wide = max((len(e.shape) for e in found), default=0)
    lines = []
    for k, e in enumerate(found):
        if most // 2 <= k < len(found) - most // 2 and len(found) > most:
            if k == most // 2:
                lines.append(f"      ... {len(found) - most // 2 * 2:,} more ...")
            continue
        times = f"{1e6 * seconds[k][0]:9.1f} {1e6 * seconds[k][1]:9.1f}  " if seconds else ""
        operands = ", ".join(
            f"{x} ({' × '.join(map(str, x.shape))})" if e.name == "matmul" else str(x) for x in e.operands
        )
        lines.append(f"{times}{f'%{e.number}':>5} : {e.shape:>{wide}} = {e.name}({operands})")
    return lines
