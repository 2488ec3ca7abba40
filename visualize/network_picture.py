"""A picture of a network: what `visualize.network` plans, as `visualize.network_svg` draws it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from visualize.network import plan_network
from visualize.network_options import Show
from visualize.network_svg import network_svg
from visualize.picture import Picture

__all__ = ["draw_network"]


def draw_network(
    model: Any,
    x: Any = None,
    *,
    show: Show = "weights",
    loss: Callable[[Any], Any] | None = None,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    image_shape: tuple[int, int] | None = None,
    precision: int = 2,
    most: int = 10,
    title: str = "",
) -> Picture:
    """A picture of an `nn.MLP`, `Layer`, `Neuron` or a list of layers: neurons in columns, a line for each weight.

    Blue and solid is positive, orange and dashed negative; width is size, beside the largest of the same layer. In the
    neurons stands the bias; with an x, what each neuron gives for it.

    x: an example, as many numbers as there are inputs: a list or a row of a NumPy array.
    show: what lines are: "weights"; "gradients" of the weights, after a backward pass; "products" of weight and what
        comes in, which needs x.
    loss: a function of what the model returns, as `lambda y: nn.cross_entropy(y, 3)`; needs x, and is drawn at the end.
        With show="gradients", all gradients are then those of this loss, and stand in the neurons, too: nothing
        needs to be swept before.
    inputs, outputs: names to write beside them, cut after 24 letters; the whole is in the tooltip.
    image_shape: (rows, columns), if the inputs are the pixels of an image: the first layer's weights are then drawn as
        images. If None, unnamed inputs whose number is a square, 64 or more, are taken for one; () for none.
    precision: significant digits. title: a line above.
    most: the largest number of neurons to draw in one column, at least 3. Of larger layers, those are drawn from which
        most of the lines drawn come, and none without one; of a larger last layer, those that give most, or without an
        x those with the largest weights.

    The model is only read: its numbers and gradients stay as they are. If it returns something else than its layers one
    after the other, a note says so; the loss and its gradients by the weights are those of what it returns. Raises
    ValueError or TypeError for what cannot be drawn.
    """
    plan = plan_network(
        model, x, show=show, loss=loss, inputs=inputs, outputs=outputs, image_shape=image_shape, precision=precision,
        most=most, title=title,
    )  # fmt: skip
    return Picture(network_svg(plan), "network")
