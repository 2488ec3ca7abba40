"""Programs: write the computation of one example in scalars, run it for whole batches at array speed."""

from autograd.program import coloured  # noqa: F401  # derivatives of programs
from autograd.program.lists import one_hot, take
from autograd.program.recorder import Index, TraceError
from autograd.program.run import Program, trace
from autograd.program.sparse import Sparse

__all__ = ["Index", "Program", "Sparse", "TraceError", "one_hot", "take", "trace"]
