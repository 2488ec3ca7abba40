"""What others use in their unit tests: assertions, strategies, and the pytest plugin."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings

import autograd
from autograd import TABLE, DomainError, GradientMismatch, Primitive, Value
from autograd.testing import assert_gradients, graphs, points

pytest_plugins = ["pytester"]


def test_several_points():
    reports = assert_gradients(lambda x, ys: x * ys[0] + autograd.sin(ys[1]), at=[(1.0, [2.0, 3.0]), (0.5, [1.0, 0.0])])
    assert [len(report.rows) for report in reports] == [3, 3]


def test_the_first_wrong_point_is_named():
    wrong = Primitive("cube", lambda x: x**3, None, (lambda x, y: 3.0 * x,))
    assert_gradients(wrong, at=[1.0])  # where 3x is 3x²
    with pytest.raises(GradientMismatch, match=r"at 2\.0: 1 of 1 derivatives differ.*\n(.*\n)*cube\(2\)") as caught:
        assert_gradients(wrong, at=[1.0, 2.0, 3.0])
    assert caught.value.report.culprits[0].primitive is wrong


def test_gradients_of_others():
    assert_gradients(math.sin, at=[0.3], gradient=math.cos)
    assert_gradients(lambda v: float((v**3).sum()), at=[np.array([1.0, 2.0])], gradient=lambda v: 3.0 * v**2)
    with pytest.raises(GradientMismatch):
        assert_gradients(math.sin, at=[0.3], gradient=math.sin)


def test_digits_and_points_at_which_nothing_can_be_told():
    slightly = lambda x: math.cos(x) * (1.0 + 1e-5)  # noqa: E731  # used twice
    assert_gradients(math.sin, at=[0.3], gradient=slightly, digits=4)
    with pytest.raises(GradientMismatch):
        assert_gradients(math.sin, at=[0.3], gradient=slightly)
    blurred = lambda x: 1e12 + autograd.sin(x)  # noqa: E731  # used twice
    with pytest.raises(GradientMismatch, match="cannot tell"):
        assert_gradients(blurred, at=[0.3])
    assert_gradients(blurred, at=[0.3], undecided=True)
    with pytest.raises(GradientMismatch, match="cannot tell"):
        assert_gradients(autograd.relu, at=[0.0], order=2)
    with pytest.warns(DeprecationWarning, match="old"):
        assert_gradients(old_sine, at=[0.3], gradient=math.cos)


def old_sine(x):
    warnings.warn("old", DeprecationWarning, stacklevel=2)
    return math.sin(x)


def test_what_is_rounded_is_not_called_wrong():
    for digits in (3, 6):

        def rounded(x, digits=digits):
            return round(math.sin(x), digits)

        with pytest.raises(GradientMismatch, match="cannot tell"):
            assert_gradients(rounded, at=[0.3], gradient=math.cos)
        assert_gradients(rounded, at=[0.3], gradient=math.cos, digits=1, undecided=digits == 3)
        with pytest.raises(GradientMismatch, match="differ"):
            assert_gradients(rounded, at=[0.3], gradient=lambda x: 3.0 * math.cos(x), digits=1)


@pytest.mark.parametrize(
    ("options", "says"),
    [({"at": []}, "give points"), ({"at": [1.0], "digits": 0}, "digits"), ({"at": [1.0], "digits": 20}, "digits")],
)
def test_wrong_options(options, says):
    with pytest.raises(ValueError, match=says):
        assert_gradients(math.sin, gradient=math.cos, **options)


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_points_lie_inside(row):
    @settings(max_examples=15, database=None)
    @given(points(row))
    def inside(xs):
        assert row.domain.contains(*xs)
        assert all(type(x) is float for x in xs)

    inside()


def test_points_of_a_domain():
    with pytest.raises(TypeError, match="takes a Domain"):
        points(3.0)


@settings(max_examples=60, database=None)
@given(graphs())
def test_graphs_are_graphs(y):
    assert isinstance(y, Value)
    assert not y.is_leaf
    try:
        y.backward()
    except DomainError:
        return
    assert all(v.has_grad for v in autograd.topological(y))


PLUGIN = """
    import math, pytest, autograd
    from autograd import Primitive

    wrong = Primitive("cube", lambda x: x ** 3, None, (lambda x, y: 3.0 * x,))

    def test_right(gradcheck):
        report = gradcheck(autograd.tanh, 0.3)
        assert report.rows[0].agrees
        gradcheck(math.sin, 0.3, gradient=math.cos)

    def test_wrong(gradcheck):
        gradcheck(lambda x: wrong(x) + 1.0, 2.0)

    @pytest.mark.gradient(at=[0.3, 1.2])
    def test_marked():
        return math.sin, math.cos

    @pytest.mark.gradient(at=[2.0])
    def test_marked_wrong():
        return wrong

    @pytest.mark.gradient(at=[0.3])
    def test_marked_nothing():
        return None

    @pytest.mark.gradient
    def test_marked_without_points():
        return math.sin

    @pytest.mark.gradient(at=[0.5])
    def test_marked_with_a_fixture(tmp_path):
        assert tmp_path.exists()
        return autograd.exp

    def test_rough(gradcheck):
        gradcheck(math.sin, 0.3, gradient=lambda x: math.cos(x) * (1.0 + 1e-5))
"""


def test_the_plugin(pytester):
    pytester.makepyfile(PLUGIN)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error")
    result.assert_outcomes(passed=3, failed=5)
    result.stdout.fnmatch_lines(["*at 2.0: 1 of 1 derivatives differ*", "*<-- differs*", "*cube(2): its derivative*"])
    result.stdout.fnmatch_lines(["*returns a function, or a function and its gradient; it returned None*"])
    result.stdout.fnmatch_lines(["*give the points to check at*"])


def test_what_would_not_be_checked_fails(pytester):
    pytester.makepyfile("""
        import math
        import unittest
        import pytest

        class Sine(unittest.TestCase):
            @pytest.mark.gradient(at=[0.3])
            def test_sine(self):
                return math.sin, math.cos

        class Others(unittest.TestCase):
            def test_it(self):
                assert True

        class TestSine:
            @pytest.mark.gradient(at=[0.3], digits=None)
            def test_sine(self):
                return math.sin, lambda x: math.cos(x) * (1.0 + 1e-7)
    """)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*methods of a unittest.TestCase cannot return anything*"])
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--gradcheck-digits=8")
    result.assert_outcomes(passed=1, failed=1, errors=1)


def test_digits_from_the_command_line(pytester):
    pytester.makepyfile(PLUGIN)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--gradcheck-digits=4", "-k", "rough")
    result.assert_outcomes(passed=1, deselected=7)


def test_the_plugin_is_light(pytester):
    pytester.makepyfile("""
        import sys

        def test_it():
            assert "autograd" in sys.modules
            assert "numpy" not in sys.modules
    """)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    result.assert_outcomes(passed=1)
