"""Programs: write the computation of one example in scalars, run it for whole batches at array speed."""

from autograd.program.run import Program, trace
from autograd.program.sparse import Sparse
from autograd.program.tracing import Index, TraceError, one_hot, take

__all__ = ["Index", "Program", "Sparse", "TraceError", "one_hot", "take", "trace"]
