"""Builds the native engine, if there is a C compiler. Everything else about the package is in pyproject.toml."""

import os
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).resolve().parent
PLAIN = (
    "glassgrad: the native engine was not built ({}); the plain Python engine is in use, which gives the same results."
)


class BuildNative(build_ext):
    """Writes the C rules from the table, compiles, and lets nothing that goes wrong fail the installation."""

    def run(self) -> None:
        try:
            sys.path.insert(0, str(HERE))
            os.environ["GLASSGRAD_ENGINE"] = "python"  # an extension that lies here from before is not to be loaded
            from Cython.Build import cythonize

            from autograd import c_rules

            c_rules.write(HERE / "autograd" / "_rules.h", c_rules.rules())
            c_rules.write(HERE / "autograd" / "_rules.pxi", c_rules.declarations())
            c_rules.write(HERE / "autograd" / "_methods.pxi", c_rules.methods())
            c_rules.write(HERE / "autograd" / "program" / "_rows.h", c_rules.rows())
            self.extensions[:] = cythonize(self.extensions, quiet=True)
            for extension in self.extensions:  # cythonize makes new ones, which build_ext has not looked at yet
                extension._needs_stub = False
            super().run()
        except Exception as error:  # no compiler, no headers, no Cython: the package works without
            reason = str(error).strip().splitlines() or [type(error).__name__]
            self.extensions[:] = []
            print(PLAIN.format(reason[-1]), file=sys.stderr)


FLAGS = ["/fp:precise", "/O2"] if sys.platform == "win32" else ["-O3", "-fno-math-errno"]
# In the engine, products are not contracted to fused multiply-adds: it gives the same bits as the one in Python.
EXACT = [] if sys.platform == "win32" else ["-ffp-contract=off"]
# Loops look at numbers for what is not finite, not at exceptions: the compiler may compute both sides of a choice.
QUIET = [] if sys.platform == "win32" else ["-fno-trapping-math"]

if os.environ.get("GLASSGRAD_BUILD", "native") == "python":
    setup()
else:
    native = [
        Extension(
            "autograd._native", ["autograd/_native.pyx"],
            depends=["autograd/_rules.h", "autograd/_pages.h", "autograd/_lists.h"], extra_compile_args=FLAGS + EXACT,
        ),
        Extension(
            "autograd.program._loops", ["autograd/program/_loops.pyx"],
            depends=["autograd/program/_loops.h", "autograd/program/_rows.h", "autograd/program/_vectors.h"],
            extra_compile_args=FLAGS + QUIET,
        ),
        Extension(
            "autograd.program._lanes", ["autograd/program/_lanes.pyx"],
            depends=["autograd/program/_lanes.h", "autograd/program/_rows.h", "autograd/program/_vectors.h"],
            extra_compile_args=FLAGS + EXACT,
        ),
    ]  # fmt: skip
    setup(ext_modules=native, cmdclass={"build_ext": BuildNative})
