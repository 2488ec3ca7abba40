"""Files are written whole or not at all, and what is there keeps its permissions, its links and its kind."""

import errno
import os
import signal
import stat
import subprocess
import sys
import threading

import pytest

from autograd._files import atomic_write


def put(path, content=b"new"):
    with atomic_write(path) as file:
        file.write(content)


@pytest.fixture(params=["unnamed", "named"])
def either_way(request, monkeypatch):
    if request.param == "named":
        monkeypatch.setattr("autograd._files._unnamed", lambda folder: None)


pytestmark = pytest.mark.usefixtures("either_way")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o444])
def test_a_file_keeps_its_permissions(tmp_path, mode):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(mode)
    put(path)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", mode)


def test_a_new_file_has_those_of_the_process(tmp_path):
    umask = os.umask(0o027)
    try:
        put(tmp_path / "a")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


@pytest.mark.parametrize("there", [True, False])
def test_a_symbolic_link_stays_one(tmp_path, there):
    (tmp_path / "folder").mkdir()
    target, link, second = tmp_path / "folder" / "target", tmp_path / "link", tmp_path / "second"
    if there:
        target.write_bytes(b"old")
    link.symlink_to("folder/target")
    second.symlink_to(link)
    put(second)
    assert (link.is_symlink(), second.is_symlink(), target.read_bytes()) == (True, True, b"new")
    assert [file.name for file in (tmp_path / "folder").iterdir()] == ["target"]


def test_what_is_no_ordinary_file_is_written_to():
    put("/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_pipe_is_written_to(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    found = []
    reader = threading.Thread(target=lambda: found.append(path.read_bytes()))
    reader.start()
    put(path)
    reader.join()
    assert (found, stat.S_ISFIFO(path.stat().st_mode)) == ([b"new"], True)


def test_a_full_disk_names_the_path(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match=rf"cannot write {path}: No space left on device"), atomic_write(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a", b"old")]
    with pytest.raises(OSError, match="cannot write /dev/full: No space left"):
        put("/dev/full", bytes(100_000))


def test_an_error_of_another_file_comes_through(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"), atomic_write(tmp_path / "a"):
        (tmp_path / "nowhere" / "b").read_bytes()
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from autograd._files import atomic_write
with atomic_write(sys.argv[1]) as file:
    file.write(bytes(100_000))
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="files without a name are Linux's")
def test_a_process_that_is_killed_leaves_nothing(tmp_path, request):
    (tmp_path / "a").write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "a")])
    assert done.returncode == -signal.SIGKILL
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a", b"old")]
