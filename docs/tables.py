"""Write docs/primitives.md from the table of primitives and the table of corners: python docs/tables.py"""

from pathlib import Path

from autograd import CORNERS, TABLE

PAGE = Path(__file__).with_name("primitives.md")

HEAD = """\
# The primitives

Made from the table in `autograd/primitives.py` by `python docs/tables.py`. `y` is the value, `x`, `x1`, `x2` are the
arguments. Outside its domain a primitive raises DomainError.

| primitive | value | derivative | defined where | at a kink |
| --- | --- | --- | --- | --- |
"""

CORNERS_HEAD = """
## Corners

What happens at boundaries (`autograd.CORNERS`). A convention is a choice where no derivative exists; everything else is
a limit. A dash means DomainError.

| primitive | at | value | derivatives | why | convention |
| --- | --- | --- | --- | --- | --- |
"""


def cell(text: str) -> str:
    """Text that does not end a table's cell."""
    return text.replace("|", "\\|")


def number(x: float | None) -> str:
    """A number, or a dash where there is none."""
    return "–" if x is None else f"{x:.6g}"


def page() -> str:
    """The whole page, as text."""
    lines = [HEAD]
    for row in TABLE.values():
        if row.public:
            value, *partials = row.formula
            derivative = "; ".join(partials)
            domain = "" if row.domain.text.endswith(("must be a number", "must be numbers")) else row.domain.text
            kink = row.kink.convention if row.kink else ""
            lines.append(f"| `{row.name}` | {cell(value)} | {cell(derivative)} | {cell(domain)} | {cell(kink)} |\n")
    lines.append(CORNERS_HEAD)
    for corner in CORNERS:
        at = ", ".join(number(x) for x in corner.point)
        partials = ", ".join(number(x) for x in corner.partials)
        cells = [f"`{corner.primitive.name}`", at, number(corner.value), partials, cell(corner.why)]
        lines.append(f"| {' | '.join(cells)} | {'yes' if corner.convention else ''} |\n")
    return "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
