"""What importing the package does and does not do."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import autograd

PACKAGE = Path(autograd.__file__).parent
MODULES = [
    "primitive", "primitives", "modes", "convert", "attributes", "copies", "trouble", "moments", "sweep", "value",
    "bulk", "engine", "holding", "transforms", "check", "corners",
]  # fmt: skip


def python(program, folder):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("other", ["numpy", "graphviz", "matplotlib", "nn", "visualize"])
def test_import_is_light(other):
    program = (
        "import sys, autograd; x = autograd.Value(2.0); (autograd.tanh(x) * x + autograd.sum([x, 1])).backward(); "
        f"autograd.check_gradients(autograd.exp, 1.0); sys.exit({other!r} in sys.modules)"
    )
    assert python(program, PACKAGE.parent).returncode == 0


@pytest.mark.parametrize("module", MODULES)
def test_every_module_can_be_imported_first(module):
    assert python(f"import autograd.{module}", PACKAGE.parent).stderr == ""


def test_files_of_the_other_autograd_in_the_folder_are_told(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "autograd")
    assert python("import autograd", tmp_path).returncode == 0
    (tmp_path / "autograd" / "tracer.py").write_text("")
    failed = python("import autograd", tmp_path)
    assert failed.returncode != 0
    assert "ImportError" in failed.stderr
    assert "pip uninstall autograd glassgrad" in failed.stderr


def test_all_names_exist_and_are_sorted_in():
    for name in autograd.__all__:
        assert hasattr(autograd, name)
    assert len(set(autograd.__all__)) == len(autograd.__all__)
    for module in MODULES:
        loaded = importlib.import_module(f"autograd.{module}")
        assert all(hasattr(loaded, name) for name in loaded.__all__)
