"""The page of a graph that is too large to be drawn whole: what it says of each box, and of single nodes."""

import math

import pytest
from test_visualize_explorer import data_of
from test_visualize_rollup import moons_loss

import autograd
from autograd import Value
from visualize import explore, members, roll_up


@pytest.fixture(scope="module")
def loss():
    return moons_loss()


def test_every_box_can_be_opened(loss):
    page = explore(loss, title="moons").html
    assert len(page) < 100_000
    data = data_of(page)
    boxes = roll_up(loss).nodes
    assert list(data["boxes"]) == [node.id for node in boxes]
    for node in boxes:
        opened = data["boxes"][node.id]
        found = members(loss, node.id)
        assert opened["name"].startswith(node.label)
        assert opened["lines"][0].startswith(f"{len(found):,} × ")
        for part in opened["parts"]:
            assert part["svg"].startswith("<svg")
            assert any(f"= {v.data!r}, gradient {v.grad!r}" in part["title"] for v in found)
        zeros = sum(v.data == 0.0 for v in found)
        said = f"{zeros:,} of {len(found):,} are exactly 0"
        assert (said in opened["spreads"][0]["lines"]) == (zeros > 0)


def test_remarkable_nodes_are_those(loss):
    data = data_of(explore(loss).html)
    for node in roll_up(loss).nodes:
        found = members(loss, node.id)
        titles = {part["name"]: part["title"] for part in data["boxes"][node.id]["parts"]}
        if len(found) == 1:
            assert list(titles) == ["this one"]
            continue
        if "largest gradient" in titles:
            steepest = max(abs(v.grad) for v in found)
            assert f"gradient {steepest!r}" in titles["largest gradient"].replace("-", "")
        if "largest" in titles:
            assert f"= {max(v.data for v in found)!r}," in titles["largest"]
        if "smallest" in titles:
            assert f"= {min(v.data for v in found)!r}," in titles["smallest"]


def test_a_sum_is_opened_with_all_that_was_put_together_in_it():
    ws = [Value(0.1 * k, f"w{k}") for k in range(5)]
    y = autograd.mean([sum(w * (k + j) for k, w in enumerate(ws)).tanh() for j in range(300)])
    data = data_of(explore(y).html)
    (box,) = [box for box in data["boxes"].values() if box["name"].startswith("Σ w·x")]
    picture = box["parts"][0]["svg"]
    assert all(f">w{k}<" in picture for k in range(5))


def test_nodes_that_are_not_finite_come_first():
    xs = [Value(float(k)) for k in range(1500)]
    xs[700].data = math.inf
    box = data_of(explore(autograd.mean([x * 2.0 for x in xs])).html)["boxes"]["c0"]
    assert box["parts"][0]["name"] == "the first that is not finite"
    assert "= inf" in box["parts"][0]["title"]
    assert "1 are nan or infinite" in box["spreads"][0]["lines"]


def test_a_smaller_limit_rolls_up_what_could_be_drawn():
    x = Value(0.5, "x")
    data = data_of(explore(autograd.sum([(x * k).tanh() for k in range(20)]), limit=10).html)
    assert {box["name"] for box in data["boxes"].values()} == {"x", "* × 20", "tanh × 20", "Σ"}


def test_labels_are_data():
    xs = [Value(0.1, "</script><img src=x onerror=alert(1)>"), *[Value(0.2) for _ in range(1200)]]
    page = explore(autograd.sum(xs)).html
    assert page.count("</script>") == 3
    assert "<img" not in page
