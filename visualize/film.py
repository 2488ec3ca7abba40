"""Films: pictures one after the other, as an SVG that moves by itself, a GIF or a video."""

from __future__ import annotations

import base64
import io
import math
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from html import escape
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from autograd._files import atomic_write
from visualize.renderer import RenderError
from visualize.style import printable

__all__ = ["FORMATS", "Film", "Frame", "check_ending", "flip_book", "shown_between"]

FORMATS = (".svg", ".gif", ".mp4")

WIDEST = 1400
"""Pixels of a GIF or a video, at most; what is small comes at one and a half times its size."""

PIXELS = 1_300_000
"""Of a GIF or a video, at most, as long as that leaves as many as the SVG has."""

EXACT, REST = 96, 128
"""Colours of a GIF: so many of the most frequent ones, and so many that stand for all others."""

Colour = tuple[int, int, int]

UNUSED = (254, 0, 254)
"""A colour that stands for none."""

TICK = 0.01
"""Seconds: a GIF counts in such."""

MOVING = "m"
"""The class of all that moves; the name is short because it stands in a file hundreds of times."""

FADE = 0.2
"""Seconds that something takes to appear."""

NO_TYPST = "a .gif and an .mp4 are drawn by typst: run 'pip install \"glassgrad[film]\"', or write an .svg"
NO_PILLOW = "a .gif is put together by Pillow: run 'pip install \"glassgrad[film]\"', or write an .svg or an .mp4"
NO_FFMPEG = (
    "an .mp4 is written by ffmpeg, and there is none on the PATH: install it (https://ffmpeg.org/download.html), or "
    "write a .gif or an .svg, which need none"
)


class Frame(NamedTuple):
    """svg: a still picture. seconds: how long it is shown."""

    svg: str
    seconds: float


class Film:
    """Pictures one after the other: `save` writes them as .svg, .gif or .mp4, and a notebook shows them.

    frames: still pictures, all of the same size. svg: the same as one picture that moves by itself; without it, the
    frames in turn. name: what it is, in a few words. loop: whether it begins again at its end.
    """

    def __init__(self, frames: Sequence[Frame], *, svg: str = "", name: str = "a film", loop: bool = True) -> None:
        self.frames = tuple(Frame(*frame) for frame in frames)
        if not self.frames:
            raise ValueError("Film: takes frames, pairs of an SVG and seconds; got none")
        for k, (_, seconds) in enumerate(self.frames):
            if not (math.isfinite(seconds) and seconds > 0.0):
                raise ValueError(f"Film: frame {k} is shown for {seconds!r} seconds; give a number above 0")
        sizes = {size_of(frame.svg) for frame in self.frames}
        if len(sizes) > 1:
            few = " and ".join(f"{a:g} × {b:g}" for a, b in sorted(sizes)[:2])
            raise ValueError(f"Film: all frames must have the same size; got {few}")
        self.svg = svg or flip_book(self.frames, name, loop)
        self.name = name
        self.loop = loop

    @property
    def seconds(self) -> float:
        """How long it is."""
        return math.fsum(frame.seconds for frame in self.frames)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the film, whole or not at all; returns the path, whose ending says the format.

        .svg: plays in a browser, and where a page shows it as an image; who prefers reduced motion, and programs that
            know no animation, see the last picture. .gif: needs typst and Pillow. .mp4: needs typst, and ffmpeg on the
            PATH. Raises RenderError where one of them is missing, or fails.
        """
        form = check_ending("save", path)
        with atomic_write(Path(path)) as file:
            file.write({".svg": self._as_svg, ".gif": self._as_gif, ".mp4": self._as_mp4}[form]())
        return Path(path)

    def _as_svg(self) -> bytes:
        return self.svg.encode()

    def _as_gif(self) -> bytes:
        try:
            from PIL import Image
        except ImportError:
            raise RenderError(NO_PILLOW) from None
        return _gif(Image, _pictures(self.frames), [frame.seconds for frame in self.frames], self.loop)

    def _as_mp4(self) -> bytes:
        program = shutil.which("ffmpeg")
        if program is None:
            raise RenderError(NO_FFMPEG)
        return _video(program, _pictures(self.frames), [frame.seconds for frame in self.frames])

    def _repr_html_(self) -> str:
        # As an image, so that its styles are its own.
        data = base64.b64encode(self.svg.encode()).decode()
        return f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(self.name)}" style="max-width: 100%">'

    def __repr__(self) -> str:
        return (
            f"<film of {len(self.frames)} pictures, {self.seconds:.0f} seconds: save(path) writes it as .svg, .gif or "
            ".mp4, a notebook shows it>"
        )


def check_ending(caller: str, path: str | os.PathLike[str]) -> str:
    """The ending of a path, if it is that of a film; else raises ValueError."""
    form = Path(path).suffix.lower()
    if form not in FORMATS:
        raise ValueError(f"{caller}: {str(path)!r} must end in one of {', '.join(FORMATS)} to say which film you want")
    return form


def size_of(svg: str) -> tuple[float, float]:
    """Width and height that an SVG says it has."""
    start = re.search(r"<svg\b[^>]*>", svg)
    found = [re.search(rf'\s{name}="([\d.]+)(?:px)?"', start[0]) for name in ("width", "height")] if start else []
    if len(found) < 2 or found[0] is None or found[1] is None:
        raise ValueError(f"Film: a frame must be an SVG with width and height in pixels, got {svg[:80]!r}")
    return float(found[0][1]), float(found[1][1])


# ---------------------------------------------------------------- an SVG that moves by itself


def flip_book(frames: Sequence[Frame], name: str, loop: bool) -> str:
    """An SVG that shows one frame after the other; where nothing moves, the last one."""
    width, height = (f"{x:g}" for x in size_of(frames[0].svg))
    starts = [0.0, *accumulate(frame.seconds for frame in frames)]
    total = starts[-1]
    gone, seen = (f"opacity:{x};animation-timing-function:step-end" for x in (0, 1))
    rules, pages = [], []
    for k, (frame, start, end) in enumerate(zip(frames, starts, starts[1:], strict=False)):
        last = k == len(frames) - 1
        marks = [(0.0, gone)] * (k > 0) + [(start, seen)] + [(end, gone)] * (not last)
        rules.append(keyframes(f"p{k}", marks, total))
        inner = re.sub(r"^\s*<\?xml[^>]*\?>|<!DOCTYPE[^>]*>", "", frame.svg).strip()
        hidden = "" if last else ' opacity="0"'
        pages.append(f'<g class="{MOVING} p{k}"{hidden}>{inner}</g>')
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">',
        f"<title>{escape(printable(name))}</title>",
        f"<style>{''.join(rules)}{moving_style(total, loop)}</style>",
        *pages,
        "</svg>",
        "",
    ])  # fmt: skip


def shown_between(name: str, start: float, end: float, total: float, least: float = 0.0) -> str:
    """The rule for what is seen from `start` to `end` of a film of `total` seconds, and as `least` at other times.
    Without animation it must look as at the end; so a rule need not say that.
    """
    marks: list[tuple[float, float]] = [(0.0, 1.0)] if start <= 0.0 else [(start, least), (start + FADE, 1.0)]
    if end < total:
        marks += [(end, 1.0), (end + FADE, least)]
    elif start > 0.0:
        marks.insert(0, (0.0, least))
    return keyframes(name, [(time, f"opacity:{value:g}") for time, value in marks], total)


def keyframes(name: str, marks: Sequence[tuple[float, str]], total: float) -> str:
    """The rule of a class that goes through `marks`, each a time and what holds at it, in `total` seconds."""
    steps: dict[str, list[str]] = {}
    for time, look in marks:
        steps.setdefault(look, []).append(_share(time / total))
    # A look that comes back is written once, with all its times.
    body = "".join(f"{','.join(times)}{{{look}}}" for look, times in steps.items())
    return f"@keyframes {name}{{{body}}}.{name}{{animation-name:{name}}}"


def moving_style(total: float, loop: bool) -> str:
    """What holds for all that moves; nothing does for those who prefer it so."""
    times = "infinite" if loop else "1"
    return (
        f".{MOVING}{{animation-duration:{total:g}s;animation-timing-function:linear;animation-iteration-count:{times}}}"
        f"@media (prefers-reduced-motion:reduce){{.{MOVING}{{animation-name:none!important}}}}"
    )


def _share(x: float) -> str:
    """A share as per cent, to a ten-thousandth."""
    return f"{100.0 * min(max(x, 0.0), 1.0):.2f}".rstrip("0").rstrip(".") + "%"


# ---------------------------------------------------------------- GIF and video


def _pictures(frames: Sequence[Frame]) -> list[bytes]:
    """The frames as PNG, in one run of typst: each distinct one is drawn once."""
    try:
        import typst
    except ImportError:
        raise RenderError(NO_TYPST) from None
    distinct = list(dict.fromkeys(frame.svg for frame in frames))
    width, height = size_of(distinct[0])
    with tempfile.TemporaryDirectory() as folder:
        lines = ["#set page(width: auto, height: auto, margin: 0pt)"]
        for k, svg in enumerate(distinct):
            Path(folder, f"{k}.svg").write_text(svg, encoding="utf-8")
            lines += ["#pagebreak()"] * (k > 0) + [f'#image("{k}.svg")']
        page = Path(folder, "film.typ")
        page.write_text("\n".join(lines), encoding="utf-8")
        # A pixel of an SVG is 1/96 of an inch.
        scale = min(1.5, WIDEST / width, max(1.0, math.sqrt(PIXELS / (width * height))))
        try:
            found = typst.compile(str(page), format="png", ppi=96.0 * scale)
        except RuntimeError as error:
            raise RenderError(f"typst could not draw a frame: {error}") from None
    drawn = dict(zip(distinct, [bytes(found)] if isinstance(found, bytes) else found, strict=True))
    return [drawn[frame.svg] for frame in frames]


def _gif(image: Any, pictures: list[bytes], seconds: list[float], loop: bool) -> bytes:
    """A GIF with one palette, in which what does not change from frame to frame is transparent and takes no room."""
    distinct = {png: image.open(io.BytesIO(png)).convert("RGB") for png in dict.fromkeys(pictures)}
    colours = _colours(image, list(distinct.values()))
    table = bytes([part for colour in [*colours, UNUSED] for part in colour])
    nearest = _Nearest(colours)
    mapped = {png: image.fromarray(nearest.of(frame), "P") for png, frame in distinct.items()}
    for frame in mapped.values():
        frame.putpalette(table)
    ticks = [round(time / TICK) for time in accumulate(seconds)]
    lengths = [max(b - a, 2) * int(1000 * TICK) for a, b in zip([0, *ticks], ticks, strict=False)]
    first, *rest = (mapped[png] for png in pictures)
    buffer = io.BytesIO()
    first.save(
        buffer, format="GIF", save_all=True, append_images=rest, duration=lengths, disposal=1, palette=table,
        transparency=len(colours), optimize=True, **({"loop": 0} if loop else {}),
    )  # fmt: skip
    return buffer.getvalue()


class _Nearest:
    """Finds the nearest of some colours for each pixel. Exactly, where Pillow's own search takes a neighbour at times:
    white paper must stay white.
    """

    def __init__(self, colours: list[Colour]) -> None:
        self.colours = np.array(colours, dtype=np.int32)
        self.known = np.full(1 << 24, -1, dtype=np.int16)  # by blue, green and red as one number

    def of(self, frame: Any) -> Any:
        """The places of the nearest colours, for each pixel of an RGB image."""
        numbers = np.frombuffer(frame.convert("RGBX").tobytes(), dtype="<u4") & 0xFFFFFF
        for key in np.unique(numbers[self.known[numbers] < 0]):
            colour = np.array([key & 0xFF, key >> 8 & 0xFF, key >> 16], dtype=np.int32)
            self.known[key] = ((self.colours - colour) ** 2).sum(axis=1).argmin()
        return self.known[numbers].astype(np.uint8).reshape(frame.size[1], frame.size[0])


def _colours(image: Any, frames: list[Any]) -> list[Colour]:
    """The colours of a film: of frames from all over it, set one below the other, the most frequent as they are, and
    some that stand for the rest.
    """
    few = frames[:: max(1, len(frames) // 12)]
    few = few if few[-1] is frames[-1] else [*few, frames[-1]]
    width, height = few[0].size
    sheet = image.new("RGB", (width, height * len(few)))
    for k, frame in enumerate(few):
        sheet.paste(frame, (0, height * k))
    counts = sorted(sheet.getcolors(width * height * len(few)), reverse=True)
    rest = sheet.quantize(REST, method=image.Quantize.MAXCOVERAGE, dither=image.Dither.NONE).getpalette()
    found = [colour for _, colour in counts[:EXACT]] + list(zip(rest[::3], rest[1::3], rest[2::3], strict=True))
    return [colour for colour in dict.fromkeys(found) if colour != UNUSED]


def _video(program: str, pictures: list[bytes], seconds: list[float]) -> bytes:
    """An MP4 that every player knows: H.264, with sides of an even number of pixels."""
    with tempfile.TemporaryDirectory() as folder:
        names = {png: f"{k}.png" for k, png in enumerate(dict.fromkeys(pictures))}
        for png, name in names.items():
            Path(folder, name).write_bytes(png)
        lines = [
            line
            for png, time in zip(pictures, seconds, strict=True)
            for line in (f"file '{names[png]}'", f"duration {time:.4f}")
        ]
        lines.append(f"file '{names[pictures[-1]]}'")  # ffmpeg wants the last one twice
        Path(folder, "frames.txt").write_text("\n".join(lines), encoding="utf-8")
        command = [
            program, "-v", "error", "-y", "-f", "concat", "-i", "frames.txt", "-t", f"{math.fsum(seconds):.3f}",
            "-r", "30", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white",
            "-movflags", "+faststart", "film.mp4",
        ]  # fmt: skip
        try:
            run = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        except OSError as error:
            raise RenderError(f"{program} does not run ({error.strerror}); write a .gif or an .svg instead") from None
        film = Path(folder, "film.mp4")
        if run.returncode != 0 or not film.exists():
            answer = run.stderr.decode(errors="replace").strip()[-500:]
            raise RenderError(f"{program} failed with exit code {run.returncode}: {answer or 'it said nothing'}")
        return film.read_bytes()
