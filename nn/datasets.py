"""Data to learn from: handwritten digits that ship with the package, toys made on the spot, and files of your own."""

from __future__ import annotations

import csv
import gzip
import math
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

__all__ = [
    "TOYS",
    "DataError",
    "Dataset",
    "blobs",
    "circles",
    "digits",
    "load_csv",
    "load_mnist",
    "moons",
    "spirals",
    "train_test_split",
    "xor",
]


class DataError(ValueError):
    """A data file is missing or is not what it should be; the message says where and what to do."""


class Dataset(NamedTuple):
    """Examples for classification, or for regression.

    name: what it is. inputs: array of shape (n, width), floats. targets: array of shape (n,), classes from 0, or the
    numbers to predict. classes: the name of each class; none for regression. image_shape: (rows, columns) if an input
    is an image, else None. names: what the numbers of an input are called; none if that is not known.
    """

    name: str
    inputs: Any
    targets: Any
    classes: tuple[str, ...]
    image_shape: tuple[int, int] | None = None
    names: tuple[str, ...] = ()

    @property
    def is_regression(self) -> bool:
        """Whether there are numbers to predict, rather than classes."""
        return not self.classes

    def __repr__(self) -> str:
        n, width = self.inputs.shape
        what = "a number to predict" if self.is_regression else f"{len(self.classes)} classes"
        return f"Dataset({self.name}: {n} examples of {width} numbers, {what})"


def digits() -> Dataset:
    """1,797 handwritten digits, 8 × 8 pixels from 0 (paper) to 1 (ink).

    E. Alpaydin and C. Kaynak 1998, UCI Machine Learning Repository, CC BY 4.0; see nn/data/README.md.

    >>> digits()
    Dataset(digits: 1797 examples of 64 numbers, 10 classes)
    """
    import numpy as np

    with np.load(Path(__file__).with_name("data") / "digits.npz") as file:
        images, labels = file["images"], file["labels"]
    return Dataset("digits", images.reshape(len(images), -1) / 16.0, labels.astype(int), _DIGIT_NAMES, images.shape[1:])


_DIGIT_NAMES = tuple("0123456789")


def train_test_split(data: Dataset, test: float | int = 0.2, *, seed: int = 0) -> tuple[Dataset, Dataset]:
    """Shuffle, and set `test` examples aside: a fraction between 0 and 1, or a whole number of them."""
    import numpy as np

    n = len(data.inputs)
    held_out = round(test * n) if 0.0 < test < 1.0 else test
    if held_out not in range(1, n):
        raise ValueError(f"train_test_split: test must leave both parts some of the {n} examples, got {test!r}")
    held_out = int(held_out)
    order = np.random.default_rng(seed).permutation(n)
    parts = (order[held_out:], order[:held_out])
    train, held = (data._replace(inputs=data.inputs[part], targets=data.targets[part]) for part in parts)
    return train, held


# ---------------------------------------------------------------- toys


def moons(n: int = 200, *, noise: float = 0.1, seed: int = 0) -> Dataset:
    """Two half circles of radius 1 that reach into each other; n points of the plane, blurred by `noise`."""
    import numpy as np

    rng, targets = _toy("moons", n, noise, seed, 2)
    angle = rng.uniform(0.0, math.pi, n)
    upper = np.column_stack([np.cos(angle), np.sin(angle)])
    lower = np.column_stack([1.0 - np.cos(angle), 0.5 - np.sin(angle)])
    return _blurred("moons", np.where(targets[:, None] == 0, upper, lower), targets, noise, rng)


def circles(n: int = 200, *, noise: float = 0.05, seed: int = 0) -> Dataset:
    """A circle of radius 1 around one of radius 1/2; n points of the plane, blurred by `noise`."""
    import numpy as np

    rng, targets = _toy("circles", n, noise, seed, 2)
    angle = rng.uniform(0.0, 2.0 * math.pi, n)
    radius = np.where(targets == 0, 1.0, 0.5)[:, None]
    return _blurred("circles", radius * np.column_stack([np.cos(angle), np.sin(angle)]), targets, noise, rng)


def spirals(n: int = 300, *, arms: int = 3, noise: float = 0.02, seed: int = 0) -> Dataset:
    """Arms that wind around the origin by three quarters of a turn; n points of the plane, one class per arm."""
    import numpy as np

    rng, targets = _toy("spirals", n, noise, seed, arms)
    radius = rng.uniform(0.05, 1.0, n)
    angle = 1.5 * math.pi * radius + targets * (2.0 * math.pi / arms)
    points = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return _blurred("spirals", points, targets, noise, rng)


def xor(n: int = 200, *, noise: float = 0.15, seed: int = 0) -> Dataset:
    """The corners (±1, ±1) of a square, class 1 where the signs differ; n points of the plane, blurred by `noise`."""
    import numpy as np

    rng, targets = _toy("xor", n, noise, seed, 2)
    side = rng.choice([-1.0, 1.0], n)
    return _blurred("xor", np.column_stack([side, np.where(targets == 1, -side, side)]), targets, noise, rng)


def blobs(n: int = 150, *, width: int = 4, classes: int = 3, noise: float = 0.5, seed: int = 0) -> Dataset:
    """Clouds around random centres, as large as the iris data unless told otherwise; one class per cloud."""
    rng, targets = _toy("blobs", n, noise, seed, classes)
    centres = rng.uniform(-2.0, 2.0, (classes, width))
    return _blurred("blobs", centres[targets], targets, noise, rng)


TOYS = {"moons": moons, "circles": circles, "spirals": spirals, "xor": xor, "blobs": blobs}


def _toy(name: str, n: int, noise: float, seed: int, classes: int) -> tuple[Any, Any]:
    """A generator, and n classes that are as equally frequent as can be."""
    import numpy as np

    if n < classes or classes < 2:
        raise ValueError(f"{name}: needs at least 2 classes and a point for each, got {n} points for {classes} classes")
    if not 0.0 <= noise < math.inf:
        raise ValueError(f"{name}: noise must be a number >= 0, got {noise!r}")
    rng = np.random.default_rng(seed)
    return rng, rng.permutation(np.arange(n) % classes)


def _blurred(name: str, points: Any, targets: Any, noise: float, rng: Any) -> Dataset:
    classes = tuple(str(c) for c in range(int(targets.max()) + 1))
    return Dataset(name, points + noise * rng.standard_normal(points.shape), targets, classes)


# ---------------------------------------------------------------- files


TASKS = ("classification", "regression")


def load_csv(path: str | Path, target: str | int = -1, *, task: str | None = None) -> Dataset:
    """Examples from a CSV file: one per line, numbers, and one column with the class, or the number to predict.

    target: that column, by its heading or its place (-1: the last). A first line without numbers is the heading.
    Classes may be numbers or words; they are numbered in sorted order. task: "classification" or "regression"; None
    takes numbers of which most occur once for measurements, so for regression. Raises DataError naming line and column.
    """
    import numpy as np

    if task not in (None, *TASKS):
        raise ValueError(f"load_csv: task must be 'classification', 'regression' or None, got {task!r}")
    table = _Table.read(Path(path))
    column = table.column(target)
    inputs = np.array([[table.number(row, i) for i in range(table.width) if i != column] for row in table.rows])
    names = tuple(name for i, name in enumerate(table.heading) if i != column) if table.has_heading else ()
    labels = [row.cells[column].strip() for row in table.rows]
    for row, label in zip(table.rows, labels, strict=True):
        if not label:
            raise table.error(row, column, "the class is missing")
    if task is None:
        task = TASKS[_are_measurements([label for label in labels if label.lower() not in GAPS])]
    if task == "regression":
        way_out = "; remove the line or fill the gap, or give task='classification' if these are classes"
        numbers = [table.number(row, column, way_out) for row in table.rows]
        return Dataset(table.path.stem, inputs, np.array(numbers), (), None, names)
    classes = sorted(
        set(labels), key=lambda label: (not _is_number(label), float(label) if _is_number(label) else 0.0, label)
    )
    if not 2 <= len(classes) <= 1000:
        raise DataError(
            f"{table.path}: column {table.heading[column]!r} holds {len(classes)} different classes; "
            "choose the class column with target, or task='regression' if it holds numbers to predict"
        )
    places = {label: i for i, label in enumerate(classes)}
    targets = np.array([places[label] for label in labels])
    return Dataset(table.path.stem, inputs, targets, tuple(classes), None, names)


class _Row(NamedTuple):
    """A line of a table, with its number in the file."""

    line: int
    cells: list[str]


class _Table(NamedTuple):
    """What a CSV file holds: what its columns are called, and rows of cells, all of one length. has_heading: whether
    the file says it; else they are numbered.
    """

    path: Path
    heading: list[str]
    rows: list[_Row]
    has_heading: bool

    @classmethod
    def read(cls, path: Path) -> _Table:
        """Raises DataError for what is no table of at least one number and a class."""
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                reader = csv.reader(file)
                rows = [_Row(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
        if not rows:
            raise DataError(f"{path}: the file is empty")
        first = rows[0].cells
        other = next((sign for sign in (";", "\t") if len(first) < 2 and sign in first[0]), None)
        if other:
            raise DataError(
                f"{path}: the columns are separated by {other!r}, but must be by commas; save it with commas, "
                "and with points in the numbers"
            )
        has_heading = not any(map(_is_number, first))
        heading = [_short(name.strip()) for name in first] if has_heading else list(map(str, range(len(first))))
        return cls(path, heading, rows[has_heading:], has_heading)

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.heading)

    def column(self, target: str | int) -> int:
        """The place of a column. Raises DataError if there is none, or no line with something beside it."""
        if isinstance(target, str) and target in self.heading:
            place = self.heading.index(target)
        elif isinstance(target, int) and -self.width <= target < self.width:
            place = target % self.width
        else:
            raise DataError(f"{self.path}: there is no column {target!r}; the columns are: {', '.join(self.heading)}")
        if not self.rows or self.width < 2:
            raise DataError(
                f"{self.path}: needs lines of at least one number and a class, below the heading if there is one"
            )
        return place

    def number(self, row: _Row, column: int, way_out: str = "") -> float:
        """A cell as a number. Raises DataError if it is none, or if the row is of another length."""
        if len(row.cells) != self.width:
            expected = f"expected {self.width} columns as in the first line, got {len(row.cells)}"
            raise DataError(f"{self.path}, line {row.line}: {expected}")
        if not _is_number(row.cells[column]):
            raise self.error(row, column, f"expected a number, got {_short(row.cells[column])!r}{way_out}")
        return float(row.cells[column])

    def error(self, row: _Row, column: int, text: str) -> DataError:
        """The error for a cell."""
        return DataError(f"{self.path}, line {row.line}, column {self.heading[column]!r}: {text}")


GAPS = {"nan", "na", "n/a", "null", "none", "?", "-", "inf", "-inf"}  # what stands for a number that is missing


def _are_measurements(labels: list[str]) -> bool:
    """Whether these are numbers to predict rather than classes: most of them occur once."""
    if not all(map(_is_number, labels)) or 2 * len(set(labels)) <= len(labels):
        return False
    return len(set(labels)) > 10 or any(float(label) % 1.0 for label in labels)


def _short(cell: str) -> str:
    return cell if len(cell) <= 60 else f"{cell[:57]}..."


def _is_number(cell: str) -> bool:
    try:
        return len(cell) < 400 and math.isfinite(float(cell)) and "_" not in cell
    except ValueError:
        return False


def load_mnist(path: str | Path) -> tuple[Dataset, Dataset]:
    """The MNIST digits, (training, test), from an .npz file or a folder with the four IDX files, gzipped or not.

    The .npz holds x_train, y_train, x_test and y_test; the folder train-images-idx3-ubyte, train-labels-idx1-ubyte,
    t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte. Pixels become floats from 0 to 1. LeCun, Cortes and Burges 1998.
    """
    import numpy as np

    path = Path(path)
    if not path.exists():
        raise DataError(f"{path} does not exist; give an MNIST .npz file, or the folder with its IDX files")
    if path.is_dir():
        arrays = [_load_idx(path, name) for name in _MNIST_FILES]
    else:
        try:
            names = ("x_train", "y_train", "x_test", "y_test")
            with zipfile.ZipFile(path) as archive:  # before anything is unpacked
                if sum(archive.getinfo(f"{name}.npy").file_size for name in names) > 2 * LARGEST:
                    raise DataError(f"{path}: its arrays are larger than MNIST's could be")
            with path.open("rb") as opened, np.load(opened) as file:
                arrays = [np.asarray(file[name]) for name in names]
        except DataError:
            raise
        except Exception as error:  # what NumPy and zipfile raise for a damaged file is of many kinds
            raise DataError(
                f"{path} is not an MNIST .npz file with x_train, y_train, x_test and y_test, or it is damaged "
                f"({type(error).__name__})"
            ) from None
    parts = []
    for part, images, labels in (("training", *arrays[:2]), ("test", *arrays[2:])):
        if images.ndim != 3 or labels.shape != images.shape[:1] or not len(images):
            raise DataError(
                f"{path}: the {part} images and labels do not fit: shapes {images.shape} and {labels.shape}"
            )
        if images.dtype != np.uint8 or images.shape[1:] != arrays[0].shape[1:]:
            raise DataError(
                f"{path}: images must be bytes (uint8), all of one size; the {part} images are {images.dtype}"
            )
        if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() > 9:
            raise DataError(f"{path}: the {part} labels must be whole numbers from 0 to 9")
        inputs = images.reshape(len(images), -1) / 255.0
        parts.append(Dataset("mnist", inputs, labels.astype(int), _DIGIT_NAMES, images.shape[1:]))
    return parts[0], parts[1]


_MNIST_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


LARGEST = 1 << 28  # bytes of an array; MNIST has 47 million


def _load_idx(folder: Path, name: str) -> Any:
    """An array of bytes in IDX format: two zeros, type 8, the number of axes, their lengths in big-endian order, the
    data.
    """
    import numpy as np

    file = folder / name
    if not file.exists():
        file = folder / f"{name}.gz"
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as opened:
            zeros, kind, axes = struct.unpack(">HBB", opened.read(4))
            shape: Sequence[int] = struct.unpack(f">{axes}I", opened.read(4 * axes)) if 1 <= axes <= 3 else ()
            size = math.prod(shape)
            if zeros != 0 or kind != 8 or not shape or size > LARGEST:
                raise DataError(
                    f"{file}: is not an IDX file of bytes with one to three axes, of at most {LARGEST:,} bytes"
                )
            content = opened.read(size + 1)  # no more than it says, however much it unpacks to
    except FileNotFoundError:
        raise DataError(f"{folder}: there is no file {name} (or {name}.gz)") from None
    except (OSError, EOFError, struct.error, zlib.error) as error:
        raise DataError(f"{file}: cannot be read as an IDX file: {error}") from None
    if len(content) != size:
        raise DataError(f"{file}: is not an IDX file of bytes, or was cut off")
    data = np.frombuffer(content, dtype=np.uint8)
    return data.reshape(shape)
