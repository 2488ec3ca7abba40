"""What users write, with the types that it has: neither mypy nor pyright finds anything wrong."""

from typing import Any, assert_type

import autograd
import nn
import visualize
from autograd import Value, derivative, grad, tanh, trace, value_and_grad

x = Value(0.5, label="x")
assert_type(tanh(x), Value)
assert_type(tanh(0.5), float)
assert_type(tanh(2.0 * x - 1.0), Value)
assert_type(2.0 * x, Value)
assert_type(x / 3, Value)
assert_type(x**2, Value)
assert_type(x.tanh(), Value)
assert_type(autograd.sum([x, 1.0]), Value)
assert_type(autograd.sum([1.0, 2.0]), float)
assert_type(autograd.dot([x, x], [1.0, 2.0]), Value)
assert_type(autograd.atan2(x, 1.0), Value)
assert_type(x.data, float)
assert_type(x.grad, float)
assert_type(x > 0.0, bool)
x.backward()

slope: float = derivative(tanh)(0.5)
value, gradient = value_and_grad(lambda a, b: a * b)(2.0, 3.0)
by_x: float = grad(x * x, x)
assert_type(autograd.explain(x * x, x), autograd.Explanation)
assert_type(autograd.explain(x * x, x).best[0].factors, tuple[float, ...])
assert_type(autograd.subgradient(abs(x), x, "right"), float)
assert_type(autograd.subgradient(abs(x), [x]), list[float])
moved: list[float] = [m.left for kink in autograd.kinks(abs(x)) for m in kink.moved]
report = autograd.check_gradients(lambda a: a * a, 3.0)
assert_type(report, autograd.GradientReport)

program = trace(lambda a: a * x, 1.0)
assert_type(program, autograd.Program)
losses, slopes = program.value_and_grad([1.0, 2.0], reduce="sum")

model = nn.MLP(2, [4, 1], activation="relu", seed=0)
parameters = model.parameters()
assert_type(parameters, list[Value])
optimizer = nn.Adam(parameters, learning_rate=0.01, betas=(0.9, 0.99))
data = nn.datasets.moons(100, noise=0.1)
history = nn.fit(model, nn.binary_cross_entropy, data.inputs, data.targets, optimizer=optimizer, epochs=1)
assert_type(history, nn.History)
assert_type(history[-1].loss, float | None)
loss: Value = nn.mean_squared_error(model([0.0, 1.0]), 1.0)
assert_type(nn.accuracy([0, 1], [1, 1]), float)


class Line(nn.Module):
    def __init__(self) -> None:
        self.slope, self.offset = Value(1.0), Value(0.0)

    def __call__(self, given: list[float]) -> Value:
        return self.slope * given[0] + self.offset


assert_type(Line()([1.0]), Value)


def draw(what: Value) -> Any:
    return visualize.draw(what)


picture: visualize.Picture = visualize.draw_network(model, [0.0, 1.0], show="products", inputs=["a", "b"])
