"""Digits, toys, CSV and MNIST files, and what is wrong with them."""

import gzip
import math
import re
import resource
import struct
import zipfile

import numpy as np
import pytest

from nn.datasets import (
    TOYS,
    DataError,
    Dataset,
    blobs,
    circles,
    digits,
    load_csv,
    load_mnist,
    moons,
    spirals,
    train_test_split,
    xor,
)

# ---------------------------------------------------------------- digits


def test_digits():
    data = digits()
    assert data.inputs.shape == (1797, 64)
    assert data.targets.shape == (1797,)
    assert (data.name, data.classes, data.image_shape) == ("digits", tuple("0123456789"), (8, 8))
    assert (data.inputs.min(), data.inputs.max()) == (0.0, 1.0)
    assert set((data.inputs * 16.0).ravel().tolist()) == set(range(17))
    # The counts that the UCI repository gives for its test part.
    assert np.bincount(data.targets).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert data.targets.dtype.kind == "i"
    assert repr(data) == "Dataset(digits: 1797 examples of 64 numbers, 10 classes)"


def test_the_first_digit_is_the_zero_of_the_books():
    first = (digits().inputs[0].reshape(8, 8) * 16).astype(int)
    assert digits().targets[0] == 0
    assert first[0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert first[7].tolist() == [0, 0, 6, 13, 10, 0, 0, 0]


def test_a_copy_each_time():
    digits().inputs[:] = -1.0
    assert digits().inputs.min() == 0.0


# ---------------------------------------------------------------- toys

ARMS = 4


@pytest.mark.parametrize("make", TOYS.values(), ids=TOYS)
@pytest.mark.parametrize("n", [100, 101, 7])
def test_toys_are_balanced_and_seeded(make, n):
    data = make(n, seed=3)
    counts = np.bincount(data.targets)
    assert len(data.inputs) == len(data.targets) == n
    assert counts.max() - counts.min() <= 1
    assert data.classes == tuple(map(str, range(len(counts))))
    assert (data.name, data.image_shape) == (make.__name__, None)
    assert TOYS[data.name] is make
    assert data.inputs.dtype == float
    assert data.targets.dtype.kind == "i"
    again, other = make(n, seed=3), make(n, seed=4)
    assert (data.inputs == again.inputs).all()
    assert (data.targets == again.targets).all()
    assert (data.inputs != other.inputs).any()


@pytest.mark.parametrize("make", TOYS.values(), ids=TOYS)
def test_the_classes_of_a_toy_are_mixed(make):
    targets = make(60).targets
    assert (targets != np.sort(targets)).any()
    assert len(set(targets[:20].tolist())) > 1


@pytest.mark.parametrize("make", TOYS.values(), ids=TOYS)
def test_noise_blurs(make):
    # The same draws, with the blur switched off: what remains of the difference has the size of the noise.
    blur = make(500, noise=0.1, seed=1).inputs - make(500, noise=0.0, seed=1).inputs
    assert blur.std() == pytest.approx(0.1, rel=0.1)


def test_moons_are_two_half_circles():
    data = moons(300, noise=0.0, seed=1)
    upper, lower = (data.inputs[data.targets == c] for c in (0, 1))
    assert np.hypot(*upper.T) == pytest.approx(1.0)
    assert (upper[:, 1] >= 0.0).all()
    assert np.hypot(lower[:, 0] - 1.0, lower[:, 1] - 0.5) == pytest.approx(1.0)
    assert (lower[:, 1] <= 0.5).all()
    # Each reaches into the other: no straight line along an axis separates them.
    assert lower[:, 1].max() > upper[:, 1].min()
    assert upper[:, 0].max() > lower[:, 0].min()


def test_circles_are_circles():
    data = circles(300, noise=0.0)
    radius = np.hypot(*data.inputs.T)
    assert radius[data.targets == 0] == pytest.approx(1.0)
    assert radius[data.targets == 1] == pytest.approx(0.5)
    angles = np.arctan2(data.inputs[:, 1], data.inputs[:, 0])
    assert np.histogram(angles, 8, (-math.pi, math.pi))[0].min() > 15


def test_circles_are_told_apart_by_their_radius():
    data = circles(400, seed=2)
    assert ((np.hypot(*data.inputs.T) < 0.75) == (data.targets == 1)).all()


def test_xor_is_xor():
    data = xor(400, seed=2)
    x, y = data.inputs.T
    assert ((x * y < 0.0) == (data.targets == 1)).all()
    corners = {tuple(corner) for corner in np.sign(data.inputs).tolist()}
    assert len(corners) == 4
    assert {tuple(corner) for corner in xor(400, noise=0.0).inputs.tolist()} == corners


@pytest.mark.parametrize("arms", [2, 3, ARMS])
def test_spirals_have_their_arms(arms):
    data = spirals(300, arms=arms, noise=0.0)
    assert len(data.classes) == arms
    radius = np.hypot(*data.inputs.T)
    assert radius.min() >= 0.05
    assert radius.max() <= 1.0
    # Unwound, every arm is a ray: the same angle at any radius.
    angle = np.arctan2(data.inputs[:, 1], data.inputs[:, 0]) - 1.5 * math.pi * radius
    expected = data.targets * 2.0 * math.pi / arms
    assert np.cos(angle - expected) == pytest.approx(1.0)


@pytest.mark.parametrize("make", [moons, spirals, blobs, circles, xor])
def test_toys_can_be_learned(make):
    # Nearly every point has a nearest neighbour of its own class.
    data = make(300, seed=5)
    distances = np.linalg.norm(data.inputs[:, None] - data.inputs[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (data.targets[distances.argmin(axis=1)] == data.targets).mean() > 0.95


def test_blobs_are_as_large_as_the_iris_data():
    data = blobs()
    assert data.inputs.shape == (150, 4)
    assert np.bincount(data.targets).tolist() == [50, 50, 50]
    wide = blobs(20, width=7, classes=5, noise=0.0)
    assert wide.inputs.shape == (20, 7)
    assert len(np.unique(wide.inputs, axis=0)) == 5


@pytest.mark.parametrize("make", TOYS.values(), ids=TOYS)
@pytest.mark.parametrize("options", [{"n": 1}, {"n": 0}, {"noise": -0.1}, {"noise": math.nan}, {"noise": math.inf}])
def test_impossible_toys(make, options):
    with pytest.raises(ValueError, match=make.__name__):
        make(**options)


def test_one_class_is_none():
    with pytest.raises(ValueError, match="blobs: needs at least 2 classes"):
        blobs(classes=1)
    with pytest.raises(ValueError, match="spirals: needs at least 2 classes"):
        spirals(arms=1)


# ---------------------------------------------------------------- splitting


@pytest.mark.parametrize(("test", "held_out"), [(0.2, 20), (0.5, 50), (0.01, 1), (0.994, 99), (1, 1), (99, 99), (7, 7)])
def test_a_split_is_disjoint_and_complete(test, held_out):
    data = Dataset("numbers", np.arange(100.0)[:, None], np.arange(100) % 3, ("a", "b", "c"), (1, 1))
    train, held = train_test_split(data, test, seed=1)
    assert (len(train.inputs), len(held.inputs)) == (100 - held_out, held_out)
    together = sorted(train.inputs[:, 0].tolist() + held.inputs[:, 0].tolist())
    assert together == list(range(100))
    for part in (train, held):
        assert (part.targets == part.inputs[:, 0] % 3).all()
        assert (part.name, part.classes, part.image_shape) == ("numbers", ("a", "b", "c"), (1, 1))


def test_a_split_is_shuffled_by_its_seed():
    data = blobs(100)
    parts = [train_test_split(data, 30, seed=seed)[1].inputs for seed in (0, 0, 1)]
    assert (parts[0] == parts[1]).all()
    assert (parts[0] != parts[2]).any()
    assert (parts[0] != data.inputs[:30]).any()
    assert (train_test_split(data, 30)[1].inputs == parts[0]).all()


@pytest.mark.parametrize("test", [0, 100, 101, -1, 0.0, 0.001, 0.999, -0.5, math.nan, 1000.0])
def test_a_split_leaves_something_to_both(test):
    with pytest.raises(ValueError, match="train_test_split"):
        train_test_split(blobs(100), test)


# ---------------------------------------------------------------- CSV


@pytest.fixture
def csv_file(tmp_path):
    def write(content):
        path = tmp_path / "flowers.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


EXPECTED = ([[1.5, 2.0], [-3.0, 4e2], [5.0, 6.0]], [1, 0, 1], ("cat", "dog"))


@pytest.mark.parametrize(
    ("content", "target"),
    [
        ("1.5,2,dog\n-3,4e2,cat\n5,6,dog\n", -1),
        ("x,y,pet\n1.5,2,dog\n-3,4e2,cat\n5,6,dog\n", -1),
        ("x,y,pet\n1.5,2,dog\n-3,4e2,cat\n5,6,dog\n", "pet"),
        ("pet,x,y\ndog,1.5,2\ncat,-3,4e2\ndog,5,6\n", "pet"),
        ("x,pet,y\n1.5,dog,2\n-3,cat,4e2\n5,dog,6\n", 1),
        ("x,pet,y\n1.5,dog,2\n-3,cat,4e2\n5,dog,6\n", -2),
        ("dog,1.5,2\ncat,-3,4e2\ndog,5,6\n", "0"),
        ("1.5,2,dog\r\n-3,4e2,cat\r\n5,6,dog", -1),
        (' x , y , pet \n 1.5 , 2 , dog \n -3 , 4e2 , cat\n5,6,dog\n', "pet"),
        ('"x","y","pet"\n"1.5","2","dog"\n"-3","4e2",cat\n5,6,"dog"\n', "pet"),
        ("\n\nx,y,pet\n\n1.5,2,dog\n-3,4e2,cat\n , ,\n5,6,dog\n\n", -1),
        ("\ufeffx,y,pet\n1.5,2,dog\n-3,4e2,cat\n5,6,dog\n", "pet"),
        ("\ufeff1.5,2,dog\n-3,4e2,cat\n5,6,dog\n", -1),
    ],
)  # fmt: skip
def test_csv(csv_file, content, target):
    data = load_csv(csv_file(content), target)
    assert (data.inputs.tolist(), data.targets.tolist(), data.classes) == EXPECTED
    assert (data.name, data.image_shape) == ("flowers", None)
    assert data.inputs.dtype == float
    assert load_csv(str(csv_file(content)), target).classes == data.classes


def test_csv_classes_that_are_numbers_are_sorted_as_numbers(csv_file):
    data = load_csv(csv_file("1,10\n2,9\n3,-1\n4,10\n"))
    assert (data.targets.tolist(), data.classes) == ([2, 1, 0, 2], ("-1", "9", "10"))
    mixed = load_csv(csv_file("1,b\n2,10\n3,9\n4,a\n"))
    assert mixed.classes == ("9", "10", "a", "b")


def test_csv_classes_may_hold_commas_quotes_and_newlines(csv_file):
    data = load_csv(csv_file('1,"a,b"\n2,"say ""no"""\n3,"a\nb"\n'))
    assert set(data.classes) == {"a,b", 'say "no"', "a\nb"}


def test_csv_in_other_alphabets(csv_file):
    assert load_csv(csv_file("größe,art\n1,Löwe\n2,猫\n"), "art").classes == ("Löwe", "猫")


CSV_ERRORS = [
    ("x,y,pet\n1,2,cat\n3,oops,dog\n", -1, "line 3, column 'y': expected a number, got 'oops'"),
    ("1,2,cat\n3,,dog\n", -1, "line 2, column '1': expected a number, got ''"),
    ("x,pet\n\n\n1,cat\nbad,dog\n", -1, "line 5, column 'x'"),
    ('x,pet\n1,"a\nb"\nbad,dog\n', -1, "line 4, column 'x'"),
    ("x,pet\nnan,cat\n1,dog\n", -1, "line 2, column 'x': expected a number, got 'nan'"),
    ("x,pet\n1,cat\ninf,dog\n", -1, "line 3, column 'x': expected a number, got 'inf'"),
    ("x,pet\n1,cat\n1e999,dog\n", -1, "line 3, column 'x'"),
    ("x,pet\n1,cat\n1_000,dog\n", -1, "line 3, column 'x': expected a number, got '1_000'"),
    ("x,x,pet\n1,a,3\n2,b,4\n", 0, "line 2, column 'x': expected a number, got 'a'"),
    ("x,y,pet\n1,2,cat\n3,dog\n", -1, "line 3: expected 3 columns as in the first line, got 2"),
    ("x,y,pet\n1,2,cat\n3,4,dog,5\n", -1, "line 3: expected 3 columns as in the first line, got 4"),
    ("x,pet\n1,cat\n2,\n", -1, "line 3, column 'pet'"),
    ("x,pet\n1,cat\n2,dog\n", "animal", "no column 'animal'; the columns are: x, pet"),
    ("x,pet\n1,cat\n2,dog\n", 2, "no column 2"),
    ("x,pet\n1,cat\n2,dog\n", -3, "no column -3"),
    ("1,cat\n2,dog\n", "pet", "no column 'pet'; the columns are: 0, 1"),
    ("x,pet\n1,cat\n2,cat\n", -1, "column 'pet' holds 1 different classes"),
    ("x,y\n" + "\n".join(f"1,class {i}" for i in range(1001)), -1, "column 'y' holds 1001 different classes"),
    ("", -1, "the file is empty"),
    ("\n \n\n", -1, "the file is empty"),
    ("x,pet\n", -1, "needs lines"),
    ("cat\ndog\n", -1, "needs lines"),
    ("1;cat\n2;dog\n", -1, "the columns are separated by ';', but must be by commas"),
    ("x\tpet\n1\tcat\n", -1, "separated by '\\t'"),
    ("x,pet\n1,cat\n" + "9" * 10_000 + ",dog\n", -1, "expected a number, got '999"),
    (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff\xfe\xfd", -1, "cannot read"),
    (bytes(200), -1, "flowers.csv"),
    ("x,pet\n1,käse\n".encode("latin-1"), -1, "cannot read"),
    ("x,pet\n1,cat\n2,dog\n".encode("utf-16"), -1, "cannot read"),
    ("x,pet\n1," + "a" * 200_000 + "\n2,dog\n", -1, "cannot read"),
]


@pytest.mark.parametrize(("content", "target", "told"), CSV_ERRORS, ids=range(len(CSV_ERRORS)))
def test_csv_errors_name_the_place(csv_file, content, target, told):
    path = csv_file(content)
    with pytest.raises(DataError) as error:
        load_csv(path, target)
    assert told in str(error.value)
    assert str(path) in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def prices(n, step=1.5):
    return "size,price\n" + "\n".join(f"{i},{100 + step * i}" for i in range(n))


def test_a_column_of_measurements_is_for_regression(csv_file):
    data = load_csv(csv_file(prices(120)))
    assert (data.is_regression, data.classes, data.targets.dtype) == (True, (), np.dtype(float))
    assert data.targets[:2].tolist() == [100.0, 101.5]
    assert repr(data) == "Dataset(flowers: 120 examples of 1 numbers, a number to predict)"
    train, test = train_test_split(data, 20)
    assert (train.is_regression, len(test.targets)) == (True, 20)


def test_which_columns_hold_measurements(csv_file):
    for content, regression in (
        (prices(120, 1), True), (prices(11, 1), True), (prices(4), True),
        ("x,y\n1,0\n2,1\n3,2\n", False),  # whole numbers, and few of them: classes
        ("x,y\n" + "\n".join(f"{i},{i % 10}" for i in range(100)), False), ("x,y\n1,a\n2,b\n", False),
    ):  # fmt: skip
        assert load_csv(csv_file(content)).is_regression == regression
        if not regression:
            assert not load_csv(csv_file(content), task="classification").is_regression
    assert load_csv(csv_file("x,y\n1,0\n2,1\n3,2\n"), task="regression").targets.tolist() == [0.0, 1.0, 2.0]
    assert len(load_csv(csv_file(prices(120)), task="classification").classes) == 120
    with pytest.raises(DataError, match=r"line 2, column 'y': expected a number, got 'a'; .*task='classification'"):
        load_csv(csv_file("x,y\n1,a\n2,b\n"), task="regression")
    for gap in ("nan", "NA", "?", "inf"):
        with pytest.raises(
            DataError, match=rf"line 3, column 'y': expected a number, got '{re.escape(gap)}'; remove the line"
        ):
            load_csv(csv_file(f"x,y\n1,0.5\n2,{gap}\n3,1.75\n"))
    with pytest.raises(ValueError, match="task must be 'classification', 'regression' or None"):
        load_csv(csv_file("x,y\n1,a\n2,b\n"), task="ranking")


def test_long_cells_are_not_quoted_whole(csv_file):
    for content in ("x,pet\n" + "y" * 100_000 + ",dog\n1,cat\n", "x," + "pet" * 10_000 + "\nbad,dog\n1,cat\n"):
        with pytest.raises(DataError) as error:
            load_csv(csv_file(content))
        assert len(str(error.value)) < 500


def test_csv_missing_or_a_folder(tmp_path):
    with pytest.raises(DataError, match=r"none.csv.*No such file"):
        load_csv(tmp_path / "none.csv")
    with pytest.raises(DataError, match="directory"):
        load_csv(tmp_path)


# ---------------------------------------------------------------- MNIST

IMAGES = (np.arange(3 * 4 * 5) * 4).reshape(3, 4, 5).astype(np.uint8)
IMAGES[0, 0, 0] = 255
LABELS = np.array([7, 0, 9], dtype=np.uint8)
ARRAYS = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:2] // 2, "y_test": LABELS[1:]}
FILES = {
    "train-images-idx3-ubyte": "x_train",
    "train-labels-idx1-ubyte": "y_train",
    "t10k-images-idx3-ubyte": "x_test",
    "t10k-labels-idx1-ubyte": "y_test",
}


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def mnist_npz(folder, save=np.savez, **changes):
    path = folder / "mnist.npz"
    save(path, **{name: array for name, array in {**ARRAYS, **changes}.items() if array is not None})
    return path


def mnist_idx(folder, compress=False, **changes):
    for file, name in FILES.items():
        content = changes.get(name, idx(ARRAYS[name]))
        if content is not None:
            path = folder / (file + ".gz" if compress else file)
            path.write_bytes(gzip.compress(content) if compress else content)
    return folder


@pytest.mark.parametrize(
    "make",
    [
        mnist_npz,
        lambda folder: mnist_npz(folder, np.savez_compressed),
        mnist_idx,
        lambda folder: mnist_idx(folder, True),
    ],
    ids=["npz", "compressed npz", "idx", "gzipped idx"],
)
def test_mnist(tmp_path, make):
    path = make(tmp_path)
    for given in (path, str(path)):
        train, test = load_mnist(given)
        for data, images, labels in ((train, IMAGES, LABELS), (test, IMAGES[:2] // 2, LABELS[1:])):
            assert (data.inputs == images.reshape(len(images), 20) / 255.0).all()
            assert (data.targets == labels).all()
            assert data.targets.dtype.kind == "i"
            assert (data.image_shape, data.classes) == ((4, 5), tuple("0123456789"))
    assert train.inputs.max() == 1.0


def test_mnist_mixed_plain_and_gzipped(tmp_path):
    mnist_idx(tmp_path)
    file = tmp_path / "train-images-idx3-ubyte"
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()
    assert load_mnist(tmp_path)[0].inputs.shape == (3, 20)


@pytest.mark.parametrize(
    "changes",
    [
        {"y_test": None},
        {"x_train": IMAGES.reshape(3, 20)},
        {"x_train": IMAGES[:2]},
        {"y_train": np.eye(10, dtype=int)[LABELS]},
        {"x_train": IMAGES[:0], "y_train": LABELS[:0]},
        {"x_test": np.array(1)},
        {"y_train": np.array([7, 0, 10])},
        {"y_train": np.array([7, 0, -1])},
        {"y_train": np.array([7, 0, 0.5])},
        {"y_train": np.array(["7", "0", "x"])},
        {"x_train": IMAGES.astype(str)},
        {"x_train": IMAGES.astype(object)},
        {"x_train": IMAGES * np.nan},
        {"x_train": IMAGES / 255.0},
        {"x_train": IMAGES.astype(int) + 300},
        {"x_test": IMAGES[:2, :3]},
    ],
    ids=["missing", "flat", "fewer images", "one-hot", "empty", "no array", "label 10", "label -1", "label 0.5",
         "words", "text", "objects", "nan", "already scaled", "above 255", "another size"],
)  # fmt: skip
def test_mnist_npz_that_is_not_mnist(tmp_path, changes):
    path = mnist_npz(tmp_path, **changes)
    with pytest.raises(DataError, match=r"mnist\.npz"):
        load_mnist(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"y_test": None}, {"x_train": b""}, {"x_train": b"\x00\x00\x08"}, {"x_train": b"hello, this is text"},
        {"x_train": idx(LABELS)}, {"y_train": idx(IMAGES)}, {"x_train": idx(IMAGES)[:-1]},
        {"x_train": idx(IMAGES) + b"x"}, {"x_train": idx(IMAGES)[:16]}, {"x_train": idx(IMAGES)[:15]},
        {"x_train": b"\x00\x00\x0d" + idx(IMAGES)[3:]}, {"x_train": b"\x01" + idx(IMAGES)[1:]},
        {"x_train": idx(IMAGES[:0]), "y_train": idx(LABELS[:0])}, {"y_train": idx(LABELS + 3)},
        {"x_train": struct.pack(">HBB3I", 0, 8, 3, 2**31, 2**31, 2**31)}, {"x_train": b"\x00\x00\x08\xff"},
        {"x_test": idx(IMAGES[:2, :3])},
    ],
)  # fmt: skip
@pytest.mark.parametrize("compress", [False, True], ids=["plain", "gzipped"])
def test_mnist_idx_that_is_not_mnist(tmp_path, changes, compress):
    folder = mnist_idx(tmp_path, compress, **changes)
    with pytest.raises(DataError, match=str(tmp_path)):
        load_mnist(folder)


def test_mnist_files_are_not_unpacked_further_than_they_say(tmp_path):
    """A megabyte that unpacks to a gigabyte is refused, or read as far as its header says."""
    packed = gzip.compress(idx(IMAGES) + bytes(1 << 28), 9)
    folder = mnist_idx(tmp_path, True)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(packed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match="is not an IDX file of bytes, or was cut off"):
        load_mnist(folder)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 1 << 20, 28, 28)))
    with pytest.raises(DataError, match="at most"):
        load_mnist(folder)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(struct.pack(">HBB", 0, 8, 65) + bytes(260)))
    with pytest.raises(DataError, match="one to three axes"):
        load_mnist(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes


def test_an_npz_file_that_would_fill_the_memory(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("x_train", "y_train", "x_test", "y_test"):
            with archive.open(f"{name}.npy", "w") as file:
                for _ in range(160):
                    file.write(bytes(1 << 20))
    with pytest.raises(DataError, match="its arrays are larger than MNIST's could be"):
        load_mnist(path)
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("x_train", "y_train", "x_test", "y_test"):
            archive.writestr(f"{name}.npy", b"no array")
    with pytest.raises(DataError, match=r"do not fit|is not an MNIST"):
        load_mnist(path)


def damaged(content):
    """`content` cut off at several lengths, and with one byte after the other turned over."""
    for i in range(len(content)):
        yield content[:i]
        yield content[:i] + bytes([content[i] ^ 0xFF]) + content[i + 1 :]


@pytest.mark.parametrize(
    "make",
    [lambda folder: mnist_npz(folder, np.savez_compressed), lambda folder: mnist_idx(folder, True)],
    ids=["npz", "gzipped idx"],
)
def test_mnist_damaged_anywhere(tmp_path, make):
    path = make(tmp_path)
    file = path if path.is_file() else path / "train-images-idx3-ubyte.gz"
    refused = 0
    for content in damaged(file.read_bytes()):
        file.write_bytes(content)
        try:
            train, _ = load_mnist(path)
        except DataError:
            refused += 1
        else:  # a byte that nobody reads, such as the time of packing
            assert (train.inputs == IMAGES.reshape(3, 20) / 255.0).all()
    assert refused > 100


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04", bytes(100)], ids=range(4))
def test_mnist_garbage(tmp_path, content):
    path = tmp_path / "mnist.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"is not an MNIST \.npz file") as error:
        load_mnist(path)
    assert "pickle" not in str(error.value)  # NumPy's advice for such files is to run what is in them


def test_mnist_a_single_array(tmp_path):
    np.save(tmp_path / "x.npy", IMAGES)
    with pytest.raises(DataError, match=r"is not an MNIST \.npz file"):
        load_mnist(tmp_path / "x.npy")


def test_mnist_missing(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        load_mnist(tmp_path / "none.npz")
    with pytest.raises(DataError, match=r"there is no file train-images-idx3-ubyte \(or train-images-idx3-ubyte.gz\)"):
        load_mnist(tmp_path)
