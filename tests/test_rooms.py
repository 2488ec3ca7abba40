"""The rooms of the house: what may import what, what needs NumPy, and how long a function may be."""

import ast
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("autograd", "nn", "visualize")

DOOR = "autograd.display"
"""The one module that knows of a package above its own: what a notebook shows of a Value is drawn by `visualize`."""

PRIMITIVES = {"primitive", "primitives"}
VALUE = {"attributes", "bulk", "convert", "copies", "engine", "modes", "moments", "sweep", "trouble", "value"}
"""The first two layers of `autograd`. Upon them stand transforms, checks and all others; `program` is beside those."""

TRANSFORMS = {"check", "forward", "jacobians", "transforms"}

MOST = 40


def modules():
    """All modules of the packages, by name."""
    found = {}
    for path in chain.from_iterable((ROOT / package).rglob("*.py") for package in PACKAGES):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


MODULES = modules()


def executed(tree):
    """All nodes but those below `if TYPE_CHECKING`, which is never executed."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield node
            yield from executed(node)


def imports_of(module):
    """The modules of ours that a module imports, at its top or in a function."""
    found = set()
    for node in executed(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in names}
    return (found & MODULES.keys()) - {module}


IMPORTS = {module: imports_of(module) for module in MODULES}


def package_of(module):
    return module.partition(".")[0]


def reached(module):
    """All that is imported with a module, except through the door."""
    found, waiting = set(), [module]
    while waiting:
        here = waiting.pop()
        more = set() if here == DOOR else IMPORTS[here] - found
        found |= more
        waiting += more
    return found


def test_imports_were_found():
    assert IMPORTS["visualize.svg"] >= {"visualize.layout", "visualize.scene"}
    assert "visualize.drawing" in IMPORTS["visualize.rendering"]  # in a function
    assert "autograd.program" in IMPORTS["autograd"]
    assert "autograd.value" not in IMPORTS["autograd.sweep"]  # for types only


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_module_leads_back_to_itself(module):
    assert module not in reached(module)


@pytest.mark.parametrize("module", sorted(module for module in MODULES if package_of(module) == "autograd"))
def test_autograd_imports_nothing_above_it_but_through_the_door(module):
    assert module == DOOR or {package_of(other) for other in IMPORTS[module]} <= {"autograd"}


def test_nn_and_visualize_know_each_other_at_their_edges_only():
    """The report of a training holds pictures; a landscape is one of the loss that `nn.fit` minimises."""
    pairs = {(module, package_of(other)) for module in MODULES for other in IMPORTS[module]}
    across = {(module, other) for module, other in pairs if {package_of(module), other} == {"nn", "visualize"}}
    assert across == {("nn.report", "visualize"), ("visualize.surface", "nn")}


@pytest.mark.parametrize(("layer", "below"), [(PRIMITIVES, set()), (VALUE, PRIMITIVES), (TRANSFORMS, None)])
def test_layers_import_downwards(layer, below):
    for name in layer:
        # What imports nothing of ours, such as a table of words, stands below everything.
        names = {other.partition(".")[2] for other in reached(f"autograd.{name}") if IMPORTS[other] and other != DOOR}
        assert not any(other.startswith("program") for other in names), name
        if below is not None:
            assert names <= layer | below, name


DRAWN = """
import sys, autograd, visualize
x = autograd.Value(2.0, "x")
y = x * autograd.sin(x)
y.backward()
assert visualize.tree(y) and visualize.mermaid(y)
drawing = visualize.draw(y)
assert "digraph" in drawing.source
assert drawing.pipe("svg").startswith(b"<svg")
visualize.render(y, sys.argv[1])
"""


@pytest.mark.parametrize("program", ["import autograd", "import nn", "import visualize", DRAWN])
def test_numpy_is_not_needed(program, tmp_path):
    program = f"{program}\nimport sys\nassert 'numpy' not in sys.modules"
    command = [sys.executable, "-c", program, str(tmp_path / "y.svg")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def lengths(path):
    """Name and number of lines of each function in a file: from `def` to its end, signature included; without
    decorators and docstring.
    """
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first, told = node.body[0], ast.get_docstring(node) is not None
            yield node.name, node.end_lineno - node.lineno + 1 - told * (first.end_lineno - first.lineno + 1)


@pytest.mark.parametrize("folder", [*PACKAGES, "examples", "benchmarks", "tests"])
def test_no_function_is_longer_than_a_screen(folder):
    """The native engine's sources are not Python, and not looked at."""
    found = {(path.name, *function) for path in (ROOT / folder).rglob("*.py") for function in lengths(path)}
    assert found
    assert not [row for row in sorted(found) if row[2] > MOST]
