"""What a user's type checker says of users' code, right and wrong, with the package as it is installed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "typing"
MARKED = {n for n, line in enumerate((HERE / "wrong.py").read_text().splitlines(), 1) if line.endswith("# wrong")}
CHECKERS = {
    "mypy": [sys.executable, "-m", "mypy", "--strict", "--cache-dir", os.devnull],
    "pyright": [sys.executable, "-m", "pyright", "--pythonpath", sys.executable],
}


@pytest.mark.parametrize("checker", CHECKERS)
def test_users_code_is_checked(checker, tmp_path):
    pytest.importorskip(checker)
    for name in ("right.py", "wrong.py"):
        shutil.copy(HERE / name, tmp_path)
    done = subprocess.run([*CHECKERS[checker], "right.py", "wrong.py"], cwd=tmp_path, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if " error: " in line]
    assert not [line for line in lines if "right.py" in line], done.stdout
    found = {int(re.search(r"wrong\.py:(\d+)", line)[1]) for line in lines}
    assert found == MARKED, done.stdout + done.stderr
