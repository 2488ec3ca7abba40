"""Random programs, run on batches, against the eager engine example by example. A failure shows seed and source."""

import pytest
from programs.arguments import DRAWN
from programs.check import FLOAT32, NAN, THOROUGH, check, quick
from programs.exact import exact_program
from programs.generator import random_program
from programs.hard import check_exact

import autograd


@pytest.mark.parametrize("first", range(0, 2000, 20))
def test_programs_agree_with_the_eager_engine(first):
    for seed in range(first, first + 20):
        check(seed, branches=seed % 3 == 2, kind=quick(seed))


@pytest.mark.parametrize("kind", THOROUGH, ids=["rolled", "straight"])
@pytest.mark.parametrize("first", range(10_000, 10_020, 5))
def test_every_way_to_ask_agrees(first, kind):
    for seed in range(first, first + 5):
        check(seed, branches=seed % 3 == 2, kind=kind)


@pytest.mark.parametrize("first", range(20_000, 20_050, 10))
def test_programs_in_float32_agree_with_the_eager_engine(first):
    for seed in range(first, first + 10):
        check(seed, branches=seed % 3 == 2, kind=FLOAT32)


@pytest.mark.parametrize("kind", NAN, ids=["rolled", "straight"])
@pytest.mark.parametrize("first", range(30_000, 30_040, 10))
def test_a_nan_stays_in_its_example(first, kind):
    for seed in range(first, first + 10):
        check(seed, branches=seed % 3 == 2, kind=kind)


@pytest.mark.parametrize("first", range(0, 400, 20))
def test_hard_numbers_caught_errors_and_changed_lists_are_the_same_on_floats_values_and_batches(first):
    for seed in range(first, first + 20):
        check_exact(seed)


def test_the_hard_programs_use_all_kinds_of_numbers_and_statements():
    cases = [exact_program(seed) for seed in range(200)]
    assert {case.recipe.numbers for case in cases} == set(DRAWN)
    text = "\n".join(case.source for case in cases)
    for word in [
        "try:",
        "except",
        "finally:",
        " == ",
        " != ",
        " in ",
        ".pop(",
        ".append(",
        ".sort(",
        "heapq.",
        "while ",
        "del ",
    ]:
        assert word in text, word


def test_the_random_programs_use_every_primitive_and_every_way_to_branch():
    sources = [random_program(seed, branches).source for seed in range(150) for branches in (False, True)]
    text = "\n".join(sources)
    signs = {"add": " + ", "sub": " - ", "mul": " * ", "div": " / ", "pow": " ** ", "neg": "(-"}
    for name, row in autograd.TABLE.items():
        if row.public:
            assert f"ag.{name}(" in text or signs.get(name, "nothing") in text, name
    for word in ["if", "elif", "else:", "while", "max(", "min(", "sorted(", "abs(", "take(", "one_hot(", "softmax("]:
        assert word in text, word


def test_the_same_seed_gives_the_same_program():
    assert random_program(7).source == random_program(7).source
    assert random_program(7).source != random_program(8).source
