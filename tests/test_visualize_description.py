import math
import subprocess
import sys

import hypothesis.strategies as st
import pytest
from hypothesis import given

import autograd
from autograd import Value
from visualize import GraphTooLarge, describe


def flows_into(description):
    """For each node, its contributions added in the order of the sweep."""
    sums = {}
    by_target = {}
    for edge in description.edges:
        by_target.setdefault(edge.target, []).append(edge)
    for node in reversed(description.nodes):
        for edge in by_target.get(node.id, []):
            if edge.contribution is not None:
                before = sums.get(edge.source)
                sums[edge.source] = edge.contribution if before is None else before + edge.contribution
    return sums


def test_a_square_has_two_edges_in_the_order_written():
    x = Value(3.0, "x")
    y = x * x
    y.backward()
    leaf, result = describe(y).nodes
    assert (leaf.kind, leaf.label, leaf.symbol, leaf.data, leaf.gradient) == ("leaf", "x", "", 3.0, 6.0)
    assert (result.kind, result.symbol, result.data, result.gradient) == ("result", "*", 9.0, 1.0)
    first, second = describe(y).edges
    assert (first.source, first.target, first.position) == (leaf.id, result.id, 0)
    assert (second.source, second.target, second.position) == (leaf.id, result.id, 1)
    assert [(e.local, e.upstream, e.contribution) for e in (first, second)] == [(3.0, 1.0, 3.0)] * 2


def test_the_worked_circuit():
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    f = (x + y) * z
    f.backward()
    description = describe(f)
    gradients = {node.label or node.symbol: node.gradient for node in description.nodes}
    assert gradients == {"x": -4.0, "y": -4.0, "z": 3.0, "+": -4.0, "*": 1.0}
    names = {node.id: node.label or node.symbol for node in description.nodes}
    edges = {(names[e.source], names[e.target]): (e.local, e.upstream, e.contribution) for e in description.edges}
    assert edges == {
        ("x", "+"): (1.0, -4.0, -4.0),
        ("y", "+"): (1.0, -4.0, -4.0),
        ("+", "*"): (-4.0, 1.0, -4.0),
        ("z", "*"): (3.0, 1.0, 3.0),
    }


def test_before_backward_slopes_are_known_and_gradients_are_not():
    x = Value(0.0, "x")
    description = describe(autograd.tanh(x))
    assert [node.gradient for node in description.nodes] == [None, None]
    (edge,) = description.edges
    assert (edge.local, edge.upstream, edge.contribution) == (1.0, None, None)


def test_a_gradient_of_zero_is_not_a_missing_one():
    x = Value(-1.0)
    y = autograd.relu(x)
    y.backward()
    assert describe(y).nodes[0].gradient == 0.0


def test_constants_have_nodes_but_no_gradient():
    x = Value(3.0)
    y = 2.0 - x
    y.backward()
    description = describe(y)
    constant = next(node for node in description.nodes if node.kind == "constant")
    assert (constant.data, constant.gradient) == (2.0, None)
    edge = next(edge for edge in description.edges if edge.source == constant.id)
    assert (edge.position, edge.local, edge.upstream, edge.contribution) == (0, None, None, None)
    without = describe(y, constants=False)
    assert [node.kind for node in without.nodes] == ["leaf", "result"]
    assert [edge.position for edge in without.edges] == [1]


def test_parameters_as_values():
    w, x = Value(1.0, "w"), Value(2.0, "x")
    assert [node.kind for node in describe(w * x, parameters=[w]).nodes] == ["parameter", "leaf", "result"]
    assert [node.kind for node in describe(w * x, parameters=w).nodes] == ["parameter", "leaf", "result"]


def test_a_model_names_its_parameters_unless_they_have_labels():
    class Model:
        def __init__(self):
            self.w, self.b = Value(1.0), Value(2.0, "offset")

        def named_parameters(self):
            return iter([("w", self.w), ("b", self.b)])

    model = Model()
    description = describe(model.w * 3.0 + model.b, parameters=model)
    assert [node.label for node in description.nodes if node.kind == "parameter"] == ["offset", "w"]


@pytest.mark.parametrize("parameters", [3.0, "w", [3.0]])
def test_wrong_parameters_are_refused(parameters):
    with pytest.raises(TypeError, match="takes Values, or a model"):
        describe(Value(1.0), parameters=parameters)


def test_a_leaf_alone_is_the_result():
    (node,) = describe(Value(1.0, "x")).nodes
    assert (node.kind, node.symbol) == ("result", "")


def test_too_many_nodes_are_refused_with_their_number():
    y = Value(0.0)
    for _ in range(200):
        y = y + 1.0
    with pytest.raises(GraphTooLarge, match=r"401 nodes.*limit is 300.*limit=401"):
        describe(y)
    assert len(describe(y, limit=401).nodes) == 401
    assert len(describe(y, constants=False).nodes) == 201


@pytest.mark.parametrize("limit", [0, True, 1.5])
def test_a_limit_is_a_number_of_nodes(limit):
    with pytest.raises(ValueError, match="limit"):
        describe(Value(1.0), limit=limit)


def test_only_values_are_described():
    with pytest.raises(TypeError, match=r"takes a Value.*3\.0"):
        describe(3.0)


def test_an_infinite_slope_carries_nothing_where_nothing_flows():
    x = Value(0.0)
    y = autograd.sqrt(x) * 0.0
    y.backward()
    edge = describe(y).edges[0]
    assert (edge.local, edge.upstream, edge.contribution) == (math.inf, 0.0, 0.0)


def test_a_slope_that_does_not_exist():
    y, x = Value(0.0), Value(0.0)
    first, second = describe(autograd.atan2(y, x)).edges
    assert first.local is None or math.isnan(first.local)
    assert first.contribution is None
    assert second.contribution is None


def test_a_variadic_row_whose_rule_fails(own_rows):
    def rule(xs, y):
        raise ValueError("no slope anywhere")

    steep = autograd.primitive("steep", lambda xs: xs[0], None, rule=rule)
    assert [edge.local for edge in describe(steep([Value(1.0), Value(2.0)])).edges] == [None, None]


def test_changing_a_leaf_afterwards_shows():
    x = Value(2.0)
    y = autograd.log(x) + 1.0
    assert not describe(y).stale
    x.data = 3.0
    assert describe(y).stale
    x.data = -1.0  # not even in the domain
    assert describe(y).stale


def test_a_nan_follows_from_a_nan():
    assert not describe(Value(math.nan) * 2.0).stale


def test_facts_tell_the_rule_and_the_kink():
    y = autograd.relu(Value(0.0))
    facts = describe(y).nodes[-1].facts
    assert facts == (
        "relu: y = max(x, 0)",
        "∂y/∂x = step(x)",
        "at its kink, where the derivative is a convention: 0 at x = 0, as PyTorch and JAX",
    )
    assert len(describe(autograd.relu(Value(1.0))).nodes[-1].facts) == 2
    assert describe(Value(1.0) * 2.0).nodes[-1].facts[1:] == ("∂y/∂x1 = x2", "∂y/∂x2 = x1")


def test_a_primitive_without_formula(own_rows):
    own = autograd.primitive("own", lambda x: x, None, 1.0)
    assert describe(own(Value(1.0))).nodes[-1].facts == ()


UNARY = [autograd.tanh, autograd.sin, autograd.relu, autograd.sigmoid, lambda x: -x]
BINARY = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    autograd.maximum,
    lambda a, b: autograd.sum([a, b, a]),
]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=12))
def test_contributions_add_up_to_the_gradient_exactly(steps):
    values = [Value(0.7), Value(-1.3), Value(0.0)]
    for choice, i, j in steps:
        a, b = values[i % len(values)], values[j % len(values)]
        values.append(UNARY[choice](a) if choice < 5 else BINARY[choice - 5](a, b))
    result = values[-1]
    result.backward()
    description = describe(result)
    sums = flows_into(description)
    for node in description.nodes:
        if node.kind not in ("constant", "result"):
            assert sums[node.id] == node.gradient


def test_a_second_sweep_shows_in_leaves_only():
    x = Value(3.0)
    y = (x * x) * 1.0
    y.backward()
    y.backward()
    description = describe(y)
    sums = flows_into(description)
    leaf, inner = (next(n for n in description.nodes if n.kind == kind) for kind in ("leaf", "operation"))
    assert leaf.gradient == 2.0 * sums[leaf.id]
    assert inner.gradient == sums[inner.id]


def test_importing_is_light():
    code = "import visualize, sys; print([m for m in ('numpy', 'graphviz', 'matplotlib') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_public_name_is_there():
    import visualize

    assert set(visualize.__all__) <= set(dir(visualize))
    for name in visualize.__all__:
        assert getattr(visualize, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        visualize.nothing  # noqa: B018  # the error is the point
