"""Models in files: round trips, crashes, damage and strangers."""

import json
import math
import os
import struct
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

import autograd
import nn
from autograd import Value

X = [0.5, -1.0, 2.0]


def numbers(model):
    return {name: parameter.data for name, parameter in model.named_parameters()}


def outputs(model):
    y = model(X)
    return [value.data for value in y] if isinstance(y, list) else [y.data]


class Own(nn.Module):
    def __init__(self, seed=0):
        self.parts = {"a": nn.Neuron(3, "tanh", seed=seed), "b": [Value(0.1 * seed), Value(2.0)]}

    def __call__(self, x):
        return self.parts["a"](x) * self.parts["b"][0]


MODELS = {
    "neuron": lambda: nn.Neuron(3, "tanh", seed=1),
    "linear neuron": lambda: nn.Neuron(3, seed=1),
    "layer": lambda: nn.Layer(3, 2, "relu", seed=1),
    "layer of one": lambda: nn.Layer(3, 1, "sigmoid", seed=1),
    "network": lambda: nn.MLP(3, [4, 2], seed=1),
    "one output": lambda: nn.MLP(3, [4, 1], activation="relu", output="sigmoid", seed=1),
    "deep": lambda: nn.MLP(3, [2, 1, 3, 2], activation="gelu", output="tanh", seed=1),
    "one layer": lambda: nn.MLP(3, [2], activation="relu", seed=1),
    "linear": lambda: nn.MLP(3, [2, 1], activation=None, seed=1),
    "defaults": lambda: nn.MLP(3, [2, 1], activation="leaky_relu", output="elu", seed=1),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_round_trip(tmp_path, make):
    model = make()
    for i, parameter in enumerate(model.parameters()):
        parameter.data += math.pi * 10.0 ** (i % 7 - 3)
    for path in (tmp_path / "model.safetensors", str(tmp_path / "other")):
        nn.save(model, path)
        loaded = nn.load(path)
        assert type(loaded) is type(model)
        assert repr(loaded) == repr(model)
        assert numbers(loaded) == numbers(model)
        assert outputs(loaded) == outputs(model)


def test_a_loaded_model_learns_on(tmp_path):
    nn.save(nn.MLP(2, [4, 1], seed=1), tmp_path / "m")
    model = nn.load(tmp_path / "m")
    data = nn.datasets.xor(20)
    history = nn.fit(
        model, nn.binary_cross_entropy, data.inputs, data.targets, optimizer=nn.Adam(model.parameters(), 0.1), epochs=20
    )
    assert history[-1].loss < history[1].loss


@pytest.mark.parametrize("number", [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1.0 / 3.0])
def test_every_bit_comes_back(tmp_path, number):
    neuron = nn.Neuron(1)
    neuron.weights[0].data = number
    nn.save(neuron, tmp_path / "m")
    back = nn.load(tmp_path / "m").weights[0].data
    assert struct.pack("d", back) == struct.pack("d", number)


def test_a_primitive_of_ones_own(tmp_path, own_rows):
    def define():
        return autograd.primitive("bump", lambda x: math.exp(-x * x), None, lambda x, y: -2.0 * x * y)

    model = nn.MLP(3, [2, 1], activation=define(), seed=1)
    nn.save(model, tmp_path / "m")
    assert outputs(nn.load(tmp_path / "m")) == outputs(model)
    del own_rows["bump"]
    with pytest.raises(ValueError, match=r"cannot load .*bump.*defined before"):
        nn.load(tmp_path / "m")


@pytest.mark.parametrize("activation", [lambda x: x * x, math.tanh, autograd.softmax])
@pytest.mark.parametrize("place", ["activation", "output"])
def test_a_function_cannot_be_saved(tmp_path, activation, place):
    with pytest.raises(ValueError, match=r"cannot save: .*autograd\.primitive"):
        nn.save(nn.MLP(3, [2, 1], **{place: activation}), tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_a_module_of_ones_own(tmp_path):
    model, other = Own(3), Own(4)
    nn.save(model, tmp_path / "m")
    assert nn.load(tmp_path / "m", into=other) is other
    assert numbers(other) == numbers(model)
    with pytest.raises(ValueError, match=r"cannot load .*load\(path, into=model\)"):
        nn.load(tmp_path / "m")


def test_into_a_network_built_alike(tmp_path):
    nn.save(nn.MLP(3, [2, 1], seed=1), tmp_path / "m")
    model = nn.MLP(3, [2, 1], activation=lambda x: x * x, seed=2)
    parameters = model.parameters()
    nn.load(tmp_path / "m", into=model)
    assert model.parameters() == parameters
    assert numbers(model) == numbers(nn.MLP(3, [2, 1], seed=1))


def changed_neuron():
    model = nn.MLP(3, [2, 2, 1], seed=1)
    model.layers[0].neurons[1].activation = autograd.relu
    return model


def changed_layer():
    model = nn.MLP(3, [2, 2, 1], seed=1)
    model.layers[1] = nn.Layer(2, 2, "relu", seed=1)
    return model


def subclass():
    class Doubled(nn.MLP):
        def __call__(self, x):
            return 2.0 * super().__call__(x)

    return Doubled(3, [2, 1], seed=1)


def changed_width():
    model = nn.MLP(3, [2, 1], seed=1)
    model.layers[0].neurons[0] = nn.Neuron(3, "tanh")
    model.layers[0].neurons.append(nn.Neuron(3, "tanh", seed=2))
    return model


@pytest.mark.parametrize("make", [changed_neuron, changed_layer, subclass, changed_width])
def test_a_network_changed_by_hand_never_comes_back_as_another(tmp_path, make):
    model = make()
    nn.save(model, tmp_path / "m")
    with pytest.raises(ValueError, match="cannot load"):
        nn.load(tmp_path / "m")
    again = make()
    nn.load(tmp_path / "m", into=again)
    assert numbers(again) == numbers(model)


def test_the_same_model_gives_the_same_bytes(tmp_path):
    contents = set()
    for _ in range(10):
        nn.save(nn.MLP(3, [2, 1], seed=1), tmp_path / "m")
        contents.add((tmp_path / "m").read_bytes())
    assert len(contents) == 1


def test_what_is_in_the_file(tmp_path):
    model = nn.MLP(3, [2, 1], seed=1)
    nn.save(model, tmp_path / "m")
    tensors = load_file(tmp_path / "m")
    assert {name: array.tolist() for name, array in tensors.items()} == {
        name: array.tolist() for name, array in model.state_dict().items()
    }
    header = (tmp_path / "m").read_bytes()
    (length,) = struct.unpack_from("<Q", header)
    text = header[8 : 8 + length].decode()
    assert "glassgrad" in text
    assert json.loads(json.loads(text)["__metadata__"]["architecture"])["widths"] == [2, 1]


# ---------------------------------------------------------------- crashes


@pytest.mark.parametrize("moment", ["write", "os.fsync", "os.replace", "Ctrl-C"])
def test_a_crash_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, moment):
    path = tmp_path / "model.safetensors"
    nn.save(nn.Neuron(3, seed=1), path)
    before = path.read_bytes()
    error = KeyboardInterrupt if moment == "Ctrl-C" else OSError

    def crash(*args, **named):
        raise error("no space left on device")

    if moment == "write":
        fdopen = os.fdopen

        def half(*args, **named):
            file = fdopen(*args, **named)
            write = file.write

            class Full:
                def __enter__(self):
                    return self

                def __exit__(self, *args):
                    file.close()

                def write(self, content):
                    write(content[: len(content) // 2])
                    crash()

            return Full()

        monkeypatch.setattr("os.fdopen", half)
    else:
        monkeypatch.setattr("os.replace" if moment == "Ctrl-C" else moment, crash)
    with pytest.raises(error, match="no space left on device"):
        nn.save(nn.MLP(3, [5, 1]), path)
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]
    assert path.read_bytes() == before


def test_saving_replaces_and_leaves_no_temporary_file(tmp_path):
    path = tmp_path / "m"
    nn.save(nn.Neuron(3, seed=1), path)
    nn.save(nn.Neuron(2, seed=2), path)
    assert [file.name for file in tmp_path.iterdir()] == ["m"]
    assert len(nn.load(path).weights) == 2
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_places_that_cannot_be_written(tmp_path, monkeypatch):
    with pytest.raises(OSError, match=r"cannot write .*there is no folder .*none"):
        nn.save(nn.Neuron(1), tmp_path / "none" / "m")
    with pytest.raises(OSError, match=r"cannot write .*it is a folder"):
        nn.save(nn.Neuron(1), tmp_path)

    def refused(**named):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("autograd._files._unnamed", lambda folder: None)
    monkeypatch.setattr("tempfile.mkstemp", refused)
    with pytest.raises(PermissionError, match=r"cannot write .*m: Permission denied"):
        nn.save(nn.Neuron(1), tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- damaged and foreign files


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.safetensors"
    nn.save(nn.MLP(3, [2, 1], seed=1), path)
    return path


def test_cut_off_at_any_length(saved):
    content = saved.read_bytes()
    model = nn.MLP(3, [2, 1], seed=2)
    before = numbers(model)
    for length in range(0, len(content), 5):
        saved.write_bytes(content[:length])
        for into in (None, model):
            with pytest.raises(ValueError, match="cannot load"):
                nn.load(saved, into=into)
    assert numbers(model) == before


def test_damaged_anywhere_it_loads_or_says_so(saved):
    content = saved.read_bytes()
    refused = 0
    for i in range(len(content)):
        saved.write_bytes(content[:i] + bytes([content[i] ^ 0x55]) + content[i + 1 :])
        try:
            nn.load(saved)
        except ValueError:
            refused += 1
    (length,) = struct.unpack_from("<Q", content)
    assert refused > length // 2  # most of the description; a flipped bit of a number is only another number


def foreign(dtype="F64", size=8, metadata=None):
    header = {"w": {"dtype": dtype, "shape": [2], "data_offsets": [0, 2 * size]}}
    text = json.dumps(header | ({"__metadata__": metadata} if metadata else {})).encode()
    return struct.pack("<Q", len(text)) + text + bytes(2 * size)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"hello", bytes(100), b"\x80\x04\x95 a pickle",
        to_bytes({"w": np.ones(2)}), to_bytes({}), foreign("BF16", 2), foreign("F8_E4M3", 1), foreign("I64"),
        *(foreign(metadata={"architecture": text}) for text in (
            "llama", '"llama"', "null", "3", "[]", "{}", '{"kind": ["MLP"]}', '{"kind": "CNN"}', '{"kind": "MLP"}',
            '{"kind": "MLP", "n_in": "x", "widths": [1]}', '{"kind": "MLP", "n_in": 2, "widths": "31"}',
            '{"kind": "MLP", "n_in": 2, "widths": [1], "colour": 3}', '{"kind": "Neuron", "n_in": 2}',
            '{"kind": "MLP", "n_in": 2, "widths": [1], "output": "softmax"}',
            '{"kind": "MLP", "n_in": 2, "widths": [1], "output": 3}', "[" * 100_000,
        )),
    ],
    ids=range(25),
)  # fmt: skip
@pytest.mark.parametrize("into", [False, True], ids=["load", "into"])
def test_strange_files(tmp_path, content, into):
    path = tmp_path / "strange"
    path.write_bytes(content)
    model = nn.Neuron(2, seed=1) if into else None
    before = into and numbers(model)
    with pytest.raises(ValueError, match=f"cannot load {path}"):
        nn.load(path, into=model)
    assert not into or numbers(model) == before


@pytest.mark.parametrize("number", [math.nan, math.inf])
@pytest.mark.parametrize("into", [False, True], ids=["load", "into"])
def test_numbers_that_are_none_are_not_loaded(tmp_path, number, into):
    neuron, other = nn.Neuron(2, seed=1), nn.Neuron(2, seed=2)
    neuron.weights[1].data = number
    nn.save(neuron, tmp_path / "m")
    before = numbers(other)
    with pytest.raises(ValueError, match="weights holds nan or infinity"):
        nn.load(tmp_path / "m", into=other if into else None)
    assert numbers(other) == before


@pytest.mark.parametrize("kind", ["MLP", "Layer", "Neuron"])
def test_a_small_file_that_describes_a_large_model_is_refused(tmp_path, kind):
    for shape in (
        {"n_in": 3000, "widths": [10_000]},
        {"n_in": 3000, "n_out": 10_000},
        {"n_in": 10**400, "widths": [1]},
    ):
        if ("widths" in shape) == (kind == "MLP"):
            text = json.dumps({"kind": kind, "activation": None, **shape})
            (tmp_path / "m").write_bytes(foreign(metadata={"architecture": text}))
            with pytest.raises(ValueError, match="cannot load") as error:
                nn.load(tmp_path / "m")
            assert len(str(error.value)) < 400


@pytest.mark.parametrize("other", [nn.MLP(3, [3, 1]), nn.MLP(2, [2, 1]), nn.MLP(3, [2, 1, 1]), nn.Neuron(3), Own()])
def test_a_model_of_another_architecture_stays_as_it_is(saved, other):
    before = numbers(other)
    with pytest.raises(ValueError, match=r"cannot load .*nothing was changed"):
        nn.load(saved, into=other)
    assert numbers(other) == before


def test_no_such_file(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(FileNotFoundError, match=f"cannot load {path}: there is no such file"):
            nn.load(path)


@pytest.mark.parametrize("f", [lambda path: nn.save(nn.Neuron(1), path), nn.load], ids=["save", "load"])
def test_without_safetensors_the_remedy_is_named(saved, monkeypatch, f):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    before = saved.read_bytes()
    with pytest.raises(ImportError, match=r"pip install 'glassgrad\[train\]'"):
        f(saved)
    assert saved.read_bytes() == before
