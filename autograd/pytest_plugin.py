"""The pytest plugin of glassgrad: checks of gradients in unit tests, whatever computes them.

    def test_loss(gradcheck):
        gradcheck(loss, 0.3, [1.0, 2.0])                      # a function of autograd
        gradcheck(torch_loss, 0.3, gradient=torch_gradient)   # or any other, with its gradient

    @pytest.mark.gradient(at=[0.3, 1.2])
    def test_sine():
        return math.sin, math.cos                             # a function, or a function and its gradient

`--gradcheck-digits N` asks for N digits everywhere.
"""

from __future__ import annotations

import unittest
from collections.abc import Callable
from typing import Any

import pytest

__all__ = ["gradcheck"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --gradcheck-digits."""
    parser.getgroup("gradients").addoption(
        "--gradcheck-digits", type=int, default=None, metavar="N",
        help="to how many digits gradients have to agree with finite differences (default: 6)",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "gradient(at=[...], digits=None, order=1, atol=0.0, undecided=False): the test returns a function, or one "
        "and its gradient, which is checked against finite differences at these points",
    )


@pytest.fixture
def gradcheck(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """What checks a gradient at one point: call it with a function and the point; options are `gradient`, `order`,
    `digits`, `atol` and `undecided`, as of `autograd.testing.assert_gradients`.

    Returns the report; fails with it if the gradient is wrong, or if small steps cannot tell.
    """
    from autograd.testing import assert_gradients

    asked = request.config.getoption("gradcheck_digits")

    def check(f: Callable[..., Any], *point: Any, digits: int | None = None, **options: Any) -> Any:
        __tracebackhide__ = True
        return assert_gradients(f, [point], digits=digits or asked, **options)[0]

    return check


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that would not be checked fails."""
    cls = getattr(item, "cls", None)
    if item.get_closest_marker("gradient") is not None and cls is not None and issubclass(cls, unittest.TestCase):
        pytest.fail(
            "pytest.mark.gradient: methods of a unittest.TestCase cannot return anything. Write a function, or call "
            "autograd.testing.assert_gradients in the method",
            pytrace=False,
        )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is marked `gradient`, and check what it returns."""
    marker = pyfuncitem.get_closest_marker("gradient")
    if marker is None:
        return None
    __tracebackhide__ = True
    if marker.args or "at" not in marker.kwargs:
        pytest.fail("pytest.mark.gradient: give the points to check at, as in at=[0.3, 1.2]", pytrace=False)
    given = pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames})
    f, gradient = given if isinstance(given, tuple) and len(given) == 2 else (given, None)
    if not callable(f):
        pytest.fail(
            f"a test that is marked gradient returns a function, or a function and its gradient; it returned {given!r}",
            pytrace=False,
        )
    from autograd.testing import assert_gradients

    options = dict(marker.kwargs)
    options["digits"] = options.get("digits") or pyfuncitem.config.getoption("gradcheck_digits")
    try:
        assert_gradients(f, gradient=gradient, **options)
    except AssertionError as error:
        pytest.fail(str(error), pytrace=False)
    return True
