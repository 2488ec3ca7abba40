"""What several test modules use."""

import sys
import threading

import nn
from autograd import Value


class Line(nn.Module):
    """slope · x, one parameter: what training does to it can be worked out."""

    n_in = 1

    def __init__(self, slope=0.0):
        self.slope = Value(slope)

    def __call__(self, x):
        return self.slope * x[0]


def in_threads(work, n):
    """work(0), ..., work(n - 1) in a thread each, which take turns as often as they can."""
    threads = [threading.Thread(target=work, args=(k,)) for k in range(n)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
