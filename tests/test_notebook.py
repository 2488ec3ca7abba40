"""A fresh notebook shows drawings, figures, histories, models, reports and a progress bar, without any magic."""

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

CELLS = {
    "value": "from autograd import Value, tanh\nx = Value(0.5, label='x')\ny = tanh(2.0 * x - 1.0)\ny.backward()\ny",
    "leaf": "x",
    "drawing": "import visualize\nvisualize.draw(y)",
    "report": "import autograd\nautograd.check_gradients(lambda a: a * a, 3.0)",
    "training": "import nn\ndata = nn.datasets.xor(40)\nmodel = nn.MLP(2, [4, 1], seed=1)\n"
    "history = nn.fit(model, nn.binary_cross_entropy, data.inputs, data.targets,\n"
    "                 optimizer=nn.Adam(model.parameters(), 0.1), epochs=3)",
    "history": "history",
    "model": "model",
    "figure": "visualize.plot_history(history)",
    "program": "autograd.trace(lambda a: a * x, 1.0)",
    "explorer": "visualize.explore(y)",
    "error": "get_ipython().run_cell('autograd.log(x - 1.0)')",
}


@pytest.fixture(scope="module")
def outputs():
    """What each cell shows: its outputs as JSON."""
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS.values()]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return {name: cell.outputs for name, cell in zip(CELLS, notebook.cells, strict=True)}


def shown(outputs):
    """Kinds of data of the result of a cell."""
    return {kind: text for output in outputs for kind, text in output.get("data", {}).items()}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "kind", "holds"),
    [
        ("value", "image/svg+xml", "<svg"), ("drawing", "image/svg+xml", "<svg"), ("report", "text/html", "analytic"),
        ("history", "text/html", "<td"), ("model", "text/html", "layers.0.neurons.0.weights"),
        ("figure", "image/png", "iVBOR"), ("program", "text/html", "%1"), ("program", "text/html", "<svg"),
        ("explorer", "text/html", "<iframe srcdoc"),
        ("error", "image/svg+xml", "argument must be"), ("leaf", "text/plain", "Value(0.5"),
    ],
)  # fmt: skip
def test_a_notebook_shows_it(outputs, name, kind, holds):
    assert holds in shown(outputs[name])[kind]


@pytest.mark.filterwarnings("ignore")
def test_a_notebook_shows_a_progress_bar(outputs):
    text = "".join(output.get("text", "") for output in outputs["training"])
    assert "epoch 3/3" in text or "application/vnd.jupyter.widget-view+json" in shown(outputs["training"])
    assert "Warning" not in text
