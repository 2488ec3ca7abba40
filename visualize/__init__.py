"""Pictures of values, gradients, networks and training.

>>> import autograd, visualize
>>> x = autograd.Value(3.0, label="x")
>>> y = x * x
>>> y.backward()
>>> [edge.contribution for edge in visualize.describe(y).edges]  # one for each x
[3.0, 3.0]

`draw(y)` makes the picture, `render(y, "y.svg")` writes it to a file. graphviz, NumPy and matplotlib are imported when
a picture first needs them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from visualize.description import Description, Edge, GraphTooLarge, Node, describe
from visualize.expression import ExpressionError, evaluate
from visualize.folding import fold
from visualize.picture import Picture
from visualize.renderer import RenderError
from visualize.rendering import render
from visualize.text import mermaid, tree

if TYPE_CHECKING:
    from visualize.animation import animate
    from visualize.curves import plot_gradient_flow, plot_histories, plot_history
    from visualize.drawing import Drawing, draw
    from visualize.explorer import Explorer, explore
    from visualize.figures import save_figure
    from visualize.film import Film, Frame
    from visualize.landscape import plot_landscape, plot_learning_rates
    from visualize.learning import animate_training
    from visualize.network_picture import draw_network
    from visualize.parts import focus, path, search
    from visualize.plots import plot_confusion_matrix, plot_decision_boundary, plot_digits, plot_predictions
    from visualize.rollup import members, roll_up
    from visualize.teaching import Worksheet, Worksheets, worksheet, worksheets

__all__ = [
    "Description", "Drawing", "Edge", "Explorer", "ExpressionError", "Film", "Frame", "GraphTooLarge", "Node",
    "Picture", "RenderError", "Worksheet", "Worksheets", "animate", "animate_training", "describe", "draw",
    "draw_network", "evaluate", "explore", "focus", "fold", "members", "mermaid", "path", "plot_confusion_matrix",
    "plot_decision_boundary", "plot_digits", "plot_gradient_flow", "plot_histories", "plot_history", "plot_landscape",
    "plot_learning_rates", "plot_predictions", "render", "roll_up", "save_figure", "search", "tree", "worksheet",
    "worksheets",
]  # fmt: skip

_LATER = {
    "Drawing": "drawing",
    "Explorer": "explorer",
    "Film": "film",
    "Frame": "film",
    "animate": "animation",
    "Worksheet": "teaching",
    "Worksheets": "teaching",
    "animate_training": "learning",
    "explore": "explorer",
    "draw": "drawing",
    "draw_network": "network_picture",
    "focus": "parts",
    "members": "rollup",
    "path": "parts",
    "plot_confusion_matrix": "plots",
    "plot_decision_boundary": "plots",
    "plot_digits": "plots",
    "plot_gradient_flow": "curves",
    "plot_histories": "curves",
    "plot_history": "curves",
    "plot_landscape": "landscape",
    "plot_learning_rates": "landscape",
    "plot_predictions": "plots",
    "roll_up": "rollup",
    "save_figure": "figures",
    "search": "parts",
    "worksheet": "teaching",
    "worksheets": "teaching",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'visualize' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"visualize.{_LATER[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
