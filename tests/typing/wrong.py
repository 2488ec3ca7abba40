"""What users get wrong: each line that ends with a mark is an error for mypy and for pyright."""

import autograd
import nn
import visualize
from autograd import Value, derivative, tanh

x = Value(0.5)
tanh("0.5")  # wrong
tanh(None)  # wrong
autograd.sum(["a", "b"])  # wrong
Value("0.5")  # wrong
Value(0.5, label=3)  # wrong
x + "1"  # wrong
y: float = tanh(x)  # wrong
z: Value = tanh(0.5)  # wrong
x.data = "1"  # wrong
x.backward(seed="1")  # wrong
derivative(3.0)  # wrong
nn.MLP(2, 4)  # wrong
nn.MLP("2", [4])  # wrong
nn.Neuron(2, activation=3)  # wrong
nn.SGD(0.1)  # wrong
nn.SGD([x], lr=0.1)  # wrong
nn.Adam([x], betas=0.9)  # wrong
nn.fit(nn.MLP(2, [1]), nn.hinge, [[0.0, 1.0]], [1], optimizer="adam")  # wrong
nn.fit(nn.MLP(2, [1]), "mse", [[0.0, 1.0]], [1], optimizer=nn.SGD([x]))  # wrong
nn.fit(nn.MLP(2, [1]), nn.hinge, [[0.0, 1.0]], [1])  # wrong
nn.accuracy(1, 1)  # wrong
autograd.trace(3.0)  # wrong
autograd.trace(lambda a: a, 1.0).value_and_grad(1.0, wrt=3)  # wrong
autograd.value_and_grad(lambda a: a, argnums="a")  # wrong
autograd.check_gradients(lambda a: a, 1.0, rtol="1e-3")  # wrong
visualize.draw_network(nn.MLP(2, [1]), show="foo")  # wrong
