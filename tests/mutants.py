"""Edits of the code that tests must notice: python tests/mutants.py [WORD ...], those whose file or text holds a word.

Each is made alone in a copy of the tree, on the Python engine unless it says otherwise, and the tests named for it are
run: one of them must fail. Prints what survived, and exits with 1 if anything did.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Edit(NamedTuple):
    """`old` becomes `new` in a file; the tests that should notice; and the engine to ask."""

    file: str
    old: str
    new: str
    tests: str
    engine: str = "python"


VALUE, SWEEP, MOMENTS, TABLE, RUN, PATH = (
    "autograd/value.py",
    "autograd/sweep.py",
    "autograd/moments.py",
    "autograd/primitives.py",
    "autograd/program/run.py",
    "autograd/program/path.py",
)
TRACING, RECORD, SCALAR = "autograd/program/tracing.py", "autograd/program/record.py", "autograd/program/scalar.py"
EDITS = [
    # Values and the sweep
    Edit(VALUE, "self._number == comparable(other)", "self is other", "test_value"),
    Edit(VALUE, "self._number != comparable(other)", "self is not other", "test_value"),
    Edit(MOMENTS, "arg._moment > value._moment", "arg._moment > value._moment + 1", "test_sweep test_value"),
    Edit(SWEEP, "if c * p != c * p:", "if False:", "test_sweep"),
    Edit(SWEEP, "if total != total:", "if False:", "test_sweep"),
    Edit(SWEEP, "    if primitive.chooses or place in primitive.cut:\n        return True\n", "", "test_sweep test_corners"),
    Edit(SWEEP, "primitive.multiplies and type(partner) is float", "False and type(partner) is float", "test_sweep test_corners"),
    Edit("autograd/convert.py", "if x != x:\n        raise ValueError(\"seed", "if False:\n        raise ValueError(\"seed", "test_tree test_sweep"),
    Edit(VALUE, "cotangent += value._grad", "pass", "test_value test_sweep"),
    Edit(MOMENTS, "    if data != data and before == before:\n        diverged", "    if False:\n        diverged", "test_sweep test_value"),
    Edit(SWEEP, "if len(partials) != len(operands):", "if False:", "test_crashes"),
    Edit("autograd/copies.py", "listed.ids = {id(part) for part in order}", "listed.ids = set()", "test_crashes"),
    Edit(MOMENTS, "clock.now += 1", "pass", "test_sweep test_value"),
    # The table
    Edit(TABLE, "return 4.0 * e / ((1.0 + e) * (1.0 + e))", "return 1.0 - tanh(x) * tanh(x)", "test_accuracy"),
    Edit(TABLE, "return e / ((1.0 + e) * (1.0 + e))", "return sigmoid(x) * (1.0 - sigmoid(x))", "test_accuracy"),
    Edit(TABLE, "near = abs(x) < 0.5\n    return where", "near = abs(x) < 0.0\n    return where", "test_accuracy"),
    Edit(TABLE, "math.log1p(_sum(", "math.log(1.0 + _sum(", "test_accuracy"),
    Edit(TABLE, "lambda x1, x2, y: x2 / (x1 + x2) / (x1 + x2)", "lambda x1, x2, y: (1.0 - y) / (x1 + x2)", "test_accuracy"),
    Edit(TABLE, "if lower + by != x2:", "if False:", "test_accuracy"),
    Edit(TABLE, "where(x1 <= x2, 0.5, math.nan)", "0.5", "test_accuracy"),
    Edit(TABLE, "where(x <= 0.0, slope, math.nan)", "slope", "test_accuracy"),
    Edit(TABLE, "exp(sub(x, shift))", "exp(x - shift)", "test_accuracy"),
    Edit(TABLE, "near = abs(z) < 2.0", "near = abs(z) < 0.0", "test_accuracy test_table"),
    Edit(TABLE, "quotient = where(larger < math.inf,", "quotient = where(larger <= math.inf,", "test_accuracy test_table"),
    Edit(TABLE, "x % 1.0 == 0.0", "x % 2.0 == 0.0", "test_table test_corners"),
    # Structures, transforms, checks
    Edit("autograd/tree.py", "and kind is not bool", "", "test_tree"),
    Edit("autograd/tree.py", "object.__setattr__(again, name, part)", "pass", "test_tree"),
    Edit("autograd/tree.py", "if id(x) in around:", "if False:", "test_tree"),
    Edit("autograd/transforms.py", "copied(arg) for i, arg", "arg for i, arg", "test_tree"),
    Edit("autograd/transforms.py", "i % len(args) for i in chosen", "i for i in chosen", "test_tree"),
    Edit("autograd/check.py", "    checked.compare_on_floats()", "    pass", "test_tree"),
    Edit("autograd/check.py", "if not x >= 0.0:", "if x < 0.0:", "test_tree"),
    # Programs
    Edit(SCALAR, "if wrong > 1 or not self.machine.is_certain:", "if wrong > 1:", "test_program_run test_program_limits test_program_scalar", "native"),
    Edit(SCALAR, "if wrong == 1:", "if False:", "test_program_limits test_program_scalar", "native"),
    Edit(SCALAR, "wrong = wrong if self._spurious else 2", "pass", "test_program_limits test_program_scalar", "native"),
    Edit(SCALAR, "np.repeat(record.constants, lanes)", "np.resize(record.constants, first * lanes)", "test_program_scalar", "native"),
    Edit(PATH, "whole = whole or self.hides", "pass", "test_programs_fuzz test_program_run", "native"),
    Edit(PATH, "if lost.any():\n            place", "if False:\n            place", "test_program_limits"),
    Edit(PATH, "seed[:n] = np.where(strange, 0.0, asked.scale)", "seed[:n] = asked.scale", "test_program_limits"),
    Edit(PATH, "outputs[:, strange] = alone[0]", "pass", "test_program_limits"),
    Edit("autograd/program/running.py", "if knew or self._f is None", "if self._catches or self._f is None", "test_programs_fuzz"),
    Edit("autograd/program/parameters.py", "self.moment += 1", "pass", "test_program_limits"),
    Edit("autograd/program/running.py", "array.max() > 2**bits or", "False or", "test_program_limits"),
    Edit("autograd/program/parameters.py", "self._theta[:] = before", "pass", "test_program_node"),
    Edit(RUN, "os.register_at_fork(after_in_child=_unlock)", "pass", "test_crashes"),
    Edit("autograd/program/parameters.py", "if not self.is_of(program):", "if False:", "test_program_limits"),
    Edit("autograd/program/node.py", "tape.bounds[inputs[place], length] = None", "pass", "test_program_node"),
    Edit("autograd/program/node.py", "SIGNS[guard.sign](*operands)", "pass", "test_program_node"),
    Edit("autograd/program/node.py", "with suppress(DomainError):\n                found", "if True:\n                found", "test_program_node"),
    Edit(TRACING, "if first.record != again.record or", "if", "test_program_trace"),
    Edit(TRACING, "if any(x is y for x in drawn for y in once_more):", "if False:", "test_program_trace"),
    Edit(TRACING, "        _compare(first, found)", "        pass", "test_program_trace test_program_run"),
    Edit(TRACING, "    check(first.record)\n", "", "test_program_spec"),
    Edit("autograd/program/recorder.py", "self.questions.append(Question(FAILS, tuple(args), True, primitive))", "pass", "test_program_run test_program_trace"),
    Edit(SCALAR, "    except DomainError:\n        return True\n    return False", "    except DomainError:\n        return False\n    return True", "test_program_branches"),
    Edit(SCALAR, "    except DomainError:\n        return UNKNOWN", "    except DomainError:\n        return TAKES", "test_program_branches"),
    Edit("autograd/program/bind.py", "STRANGE or not all(x is None or all_finite(x) for x in looked_at)", "STRANGE", "test_program_run test_program_limits"),
    Edit("autograd/program/spaces.py", "highest + copies[k] <=", "highest <=", "test_program_spec"),
    Edit("autograd/program/spaces.py", "1 + max([depths[i] for i in mine])", "1", "test_program_spec"),
    Edit("autograd/program/sums.py", "turned = leads(self.terms.into)", "turned = np.zeros(len(self.terms.into), dtype=bool)", "test_program_order test_programs_fuzz"),
    Edit("autograd/program/sums.py", "op[~self.several & minus] =", "op[:0] =", "test_program_order"),
    Edit("autograd/program/matrices.py", "(3 * entries >= m * r)", "(entries > 0)", "test_program_show test_program_order"),
    Edit("autograd/program/matrices.py", "* shape[1] + columns.place", "* shape[0] + columns.place", "test_program_show"),
    Edit("autograd/program/numbering.py", "if any(value.args for value in found[4]):", "if False:", "test_program_trace"),
    Edit("autograd/program/numbering.py", "at[:n_floats][::-1]", "at[:n_floats]", "test_program_trace"),
    Edit("autograd/program/kept.py", "self.culprit = self.last", "pass", "test_program_trace"),
    Edit("autograd/program/terms.py", "FEWEST = 4", "FEWEST = 40", "test_program_order test_program_show"),
    Edit("autograd/program/bind.py", "self._told |= told", "pass", "test_program_run test_program_limits test_programs_fuzz"),
    Edit("autograd/program/interpret.py", "self.looks = step.kind == \"value\" and not", "self.looks = False and not", "test_program_loops"),
    Edit("autograd/program/interpret.py", "math.isfinite(flat.dot(flat))", "True", "test_program_run test_program_limits"),
    Edit("autograd/program/reverse.py", "if folds or touched.any():", "if False:", "test_program_reverse test_program_run"),
    Edit("autograd/program/reverse.py", "self.has_batch[c.space])\n            self._emit", "self.has_batch[i.space])\n            self._emit", "test_programs_fuzz"),
    Edit("autograd/program/kernels.py", "if id(part) not in self._found:", "if True:", "test_program_loops"),
    Edit("autograd/program/blas.py", "self._switch[1](threads)", "pass", "test_program_loops"),
    Edit("autograd/linalg.py", "sign = -sign", "pass", "test_linalg"),
    Edit("autograd/linalg.py", "key=lambda i: abs(rows[i][k])", "key=lambda i: -i", "test_linalg"),
    # Derivatives of functions, and trust
    Edit("autograd/transforms.py", "self.valued or enclosed or", "enclosed or", "test_jacobians"),
    Edit("autograd/transforms.py", "_taken_by[id(group)] = group", "_taken_by[id(group)] = ()", "test_transforms"),
    Edit("autograd/forward.py", "if not _is_cut(value, i, p)", "if True", "test_jacobians"),
    Edit("autograd/jacobians.py", "found |= {(i, j): slopes[j] for", "found |= {(i, j): slopes[i % len(slopes)] for", "test_jacobians"),
    Edit("autograd/jacobians.py", "colours[j] = next(c for c in range(n + 1) if c not in taken)", "colours[j] = 0", "test_jacobians"),
    Edit("autograd/series.py", "k * arg.coefficient(k) * slope", "arg.coefficient(k) * slope", "test_jacobians"),
    Edit("autograd/series.py", "(c * j - (k - j))", "(c * j - k)", "test_jacobians"),
    Edit("autograd/custom.py", "return [[-b / by_x", "return [[b / by_x", "test_jacobians"),
    Edit("autograd/custom.py", "if called.reaches_out(y):", "if False:", "test_jacobians"),
    Edit("autograd/custom.py", "equation.check(x0, numbers)", "pass", "test_jacobians"),
    Edit("autograd/numeric.py", "(0.0 if seen else gap)", "0.0", "test_check"),
    Edit("autograd/numeric.py", "<= SAFETY * (e.error + finer.error) for", "<= math.inf for", "test_check"),
    Edit("autograd/numeric.py", "if sample.way != self.here.way:", "if False:", "test_check"),
    Edit("autograd/check.py", "self.noise = sum(", "self.noise = 0.0 * sum(", "test_check"),
    Edit("autograd/check.py", "as_good_as_0 = analytic == 0.0 and", "as_good_as_0 =", "test_check"),
    Edit("autograd/check.py", "if again != self.here.value and", "if False and", "test_check"),
    Edit("autograd/check.py", "and checked.blamed():", "and False:", "test_check"),
    Edit("autograd/locate.py", "+ 5e-7 * max(", "+ 5e-1 * max(", "test_check"),
    Edit("autograd/enclose.py", "if 0.0 in a:", "if False:", "test_enclose"),
    Edit("autograd/enclose.py", "if k % 2 == 0", "if k % 2 == 1", "test_enclose"),
    Edit("autograd/enclose.py", "if truth is not c.outcome:", "if False:", "test_enclose"),
    Edit("autograd/enclose.py", "low, high = math.nextafter(low, -math.inf), math.nextafter(high, math.inf)", "pass", "test_enclose"),
    # Pictures
    Edit("visualize/description.py", "notes += _mixed(nodes, description.edges)", "pass", "test_visualize_folding"),
    Edit("visualize/description.py", "if any(node.symbol for node in cleared):", "if False:", "test_visualize_folding"),
    Edit("visualize/folding.py", "if inside and len(readers[edge.source]) == 1:", "if inside:", "test_visualize_folding"),
    Edit("visualize/folding.py", "total = None if len(known) < len(edges) else sum(known)", "total = known[0] if known else None", "test_visualize_folding"),
    Edit("visualize/folding.py", "shared = key == self.root or len(set(readers[key])) > 1", "shared = key == self.root", "test_visualize_folding"),
    Edit("visualize/classes.py", "(low[front] == high[front])", "(low[front] <= high[front])", "test_visualize_rollup"),
    Edit("visualize/classes.py", "if more > most or more == count:", "if more == count:", "test_visualize_rollup"),
    Edit("visualize/classes.py", "self.whole[n_leaves:] = np.bincount(top, minlength=n)", "pass", "test_visualize_rollup"),
    Edit("visualize/rollup.py", "zeros, bad = int((finite == 0.0).sum())", "zeros, bad = int((finite <= 0.0).sum())", "test_visualize_rollup"),
    Edit("visualize/overview.py", "key=lambda v: abs(v.grad))", "key=lambda v: v.grad)", "test_visualize_overview"),
    Edit("autograd/debugging.py", "if not file.startswith(OURS):", "if True:", "test_debugging"),
    Edit("autograd/debugging.py", "slopes.get(last, 0.0)", "slopes.get(last, 1.0)", "test_debugging"),
    Edit("visualize/layout.py", "self.margin, point[1] + self.tops[k])", "self.margin, point[1])", "test_visualize_svg"),
    Edit("visualize/svg.py", "return escape(printable(words), quote=True)", "return printable(words)", "test_visualize_svg"),
    Edit("visualize/pages.py", ".replace(\"<\", \"\\\\u003c\")", "", "test_visualize_explorer"),
    Edit("visualize/timeline.py", "for node in reversed(folded.nodes):", "for node in folded.nodes:", "test_visualize_animate"),
    Edit("visualize/timeline.py", "all(key in leaves for key in node.members)", "False", "test_visualize_animate"),
    Edit("visualize/timeline.py", "(now[step.box] or 0.0) + contribution", "contribution", "test_visualize_animate"),
    Edit("autograd/formulas.py", 'if exponent == 2.0:', 'if exponent == 3.0:', "test_visualize_animate test_explain"),
    Edit("visualize/plan.py", "return f\"{words} + …\" if more else words", "return words", "test_visualize_animate"),
    Edit("visualize/plan.py", "gradients=found)", "gradients=None)", "test_visualize_animate"),
    Edit("visualize/pieces.py", "piece.start <= time < piece.end", "piece.start <= time", "test_visualize_animate"),
    Edit("visualize/pieces.py", "f' opacity=\"{at_end:g}\"'", "''", "test_visualize_animate"),
    Edit("visualize/film.py", "transparency=len(colours)", "transparency=0", "test_visualize_animate"),
    Edit("visualize/film.py", "lengths = [max(b - a, 2)", "lengths = [max(a - b, 2)", "test_visualize_animate"),
    Edit("visualize/timeline.py", "if node.id not in labels and", "if", "test_visualize_explorer"),
    Edit("autograd/js_rules.py", "while name in written:", "while False:", "test_visualize_explorer"),
    Edit("autograd/js_rules.py", "2*x*x/(2*n+1)", "2*x*x/(2*n+3)", "test_visualize_explorer"),
    Edit("autograd/symbol.py", "return Symbol(\"!=\", (self, other))", "return Symbol(\"==\", (self, other))", "test_rules"),
    Edit("visualize/figures.py", "if p < 1.0 and rounded >= 100.0", "if p > 1.0", "test_visualize_plots"),
    Edit("visualize/grading.py", "<= 0.6 * unit", "<= 6.0 * unit", "test_visualize_grading"),
    Edit("visualize/exercise.py", "return 1.0 - y * y", "return 1.0", "test_visualize_grading"),
    Edit("nn/stepping.py", "rtol=1e-6, atol=1e-9", "rtol=1.0, atol=1e-9", "test_nn_stepping"),
]  # fmt: skip


def survives(edit: Edit, tree: Path) -> bool:
    """Whether the tests pass all the same."""
    path = tree / edit.file
    text = path.read_text(encoding="utf-8")
    assert text.count(edit.old) >= 1, f"{edit.file} holds no {edit.old!r}: bring the list up to date"
    path.write_text(text.replace(edit.old, edit.new, 1), encoding="utf-8")
    try:
        tests = [f"tests/{name}.py" for name in edit.tests.split()]
        command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider", *tests]
        environment = {
            **os.environ,
            "GLASSGRAD_ENGINE": edit.engine,
            "PYTHONPATH": str(tree),
            "PYTHONWARNINGS": "ignore",
        }
        try:
            done = subprocess.run(command, cwd=tree, capture_output=True, timeout=180, env=environment, check=False)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0
    finally:
        path.write_text(text, encoding="utf-8")


def main() -> int:
    chosen = [
        edit for edit in EDITS if not sys.argv[1:] or any(word in f"{edit.file} {edit.old}" for word in sys.argv[1:])
    ]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(
            ROOT, tree, ignore=shutil.ignore_patterns(".git", ".venv*", "build", "__pycache__", ".hypothesis")
        )
        survivors = []
        for edit in chosen:
            if survives(edit, tree):
                survivors.append(edit)
                print(f"survived: {edit.file}: {edit.old!r} -> {edit.new!r}", flush=True)
    print(f"{len(chosen)} edits, {len(survivors)} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
