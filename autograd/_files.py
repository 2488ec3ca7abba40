"""Writing a file whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open `path` for writing bytes; it appears, complete, when the block ends, and stays as it was if the block fails.

    The bytes go to a file without a name in the same folder, where the system has such, which then takes the name in
    one step; so not even a process that is killed leaves something behind. A file that is there keeps its permissions,
    a symbolic link stays one, and what is no ordinary file (a device, a pipe) is written to as it is. Raises OSError,
    which names the path, if the folder is missing or cannot be written to, or the disk is full.
    """
    path = Path(path)
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    if target.is_dir():
        raise IsADirectoryError(f"cannot write {path}: it is a folder; add a file name")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {target.parent}; create it first")
    try:
        known = target.stat() if target.exists() else None
        if known is not None and not stat.S_ISREG(known.st_mode):
            with target.open("wb") as special:
                yield special
            return
        with _replacing(target, None if known is None else stat.S_IMODE(known.st_mode)) as file:
            yield file
    except OSError as error:
        ours = error.filename is None or target.parent in (Path(error.filename), Path(error.filename).parent)
        if error.errno is None or not ours:
            raise
        raise type(error)(f"cannot write {path}: {error.strerror or error} in folder {target.parent}") from None


@contextlib.contextmanager
def _replacing(target: Path, mode: int | None) -> Iterator[IO[bytes]]:
    """A file that takes the place of `target` at the end, with these permissions; None: those of a new file."""
    if mode is None:
        umask = os.umask(0)  # there is no way to ask for it without setting it
        os.umask(umask)
        mode = 0o666 & ~umask
    descriptor, temporary = _unnamed(target.parent), ""
    if descriptor is None:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            if hasattr(os, "fchmod"):
                os.fchmod(descriptor, mode)
            os.fsync(descriptor)
            if not temporary:
                temporary = str(target.parent / f".{target.name}.{os.getpid()}.{id(file):x}")
                # A path that is absolute needs no src_dir_fd, but only with one does Python follow the link.
                os.link(f"/proc/self/fd/{descriptor}", temporary, src_dir_fd=descriptor, follow_symlinks=True)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            if temporary:
                os.unlink(temporary)
        raise


def _unnamed(folder: Path) -> int | None:
    """A descriptor of a new file without a name; None where the system or the file system has no such thing."""
    if not hasattr(os, "O_TMPFILE") or not os.path.isdir("/proc/self/fd"):
        return None
    with contextlib.suppress(OSError):
        return os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600)
    return None
