"""A link as a QR code that a telephone reads off a terminal."""

from __future__ import annotations

QUIET = 2  # modules of light around it
INK = {
    (0, 0): "\u2588",
    (0, 1): "\u2580",
    (1, 0): "\u2584",
    (1, 1): " ",
}  # light above, light below: a terminal is dark


def qr_text(link: str) -> str:
    """Two rows of modules in one line of half blocks; light modules are what is printed."""
    import segno

    code = segno.make(link, error="m", micro=False)
    rows = [list(row) for row in code.matrix_iter(border=QUIET)]
    if len(rows) % 2:
        rows.append([1] * len(rows[0]))  # dark, as the terminal below it
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "\n".join("".join(INK[int(a), int(b)] for a, b in zip(above, below, strict=True)) for above, below in pairs)
