"""The keys of the windows: one table each for the window, `--help` and the docs."""

from __future__ import annotations

KEYS = (  # keys, what they call on `Controls` (help and quit: on the window), meaning
    ("h", "help", "show or hide this help"),
    ("space", "pause", "pause and go on; frames that come meanwhile are dropped"),
    ("s", "snapshot", "save the picture as PNG"),
    ("r", "record", "start or stop recording the overlay as MP4"),
    ("m", "mode", "next overlay: wire, shaded, transparent, points, texture, mask, off"),
    ("i", "relearn", "learn the faces' identities again"),
    ("c", "recentre", "show and send head angles relative to now; again: as measured"),
    ("n", "neutral", "learn the neutral face of what --send sends, in two seconds"),
    ("q", "quit", "end (also Escape, Ctrl-C, or closing the window)"),
)
VIEWER_KEYS = (  # of `realtime3d view`
    ("mouse", "turn; the wheel goes nearer, Ctrl moves"),
    ("space", "play and pause"),
    ("arrows", "one back, one on"),
    ("w", "wire"),
    ("a, d", "turn the lamp to the left, to the right"),
    ("e, c", "raise and lower it"),
    ("l", "lamp on and off"),
    ("t", "next look: skin under the lamp, the picture's own light, the relief without colours"),
    ("s", "save a screenshot"),
    ("q", "end"),
)
ALIASES = {"?": "h", "escape": "q"}


def help_text() -> str:
    """The live window's table as text, for `--help`."""
    return "\n".join(f"  {key:<7}{meaning}" for key, _, meaning in KEYS)


def viewer_help_text() -> str:
    """The 3D window's."""
    return "\n".join(f"  {key:<7}{meaning}" for key, meaning in VIEWER_KEYS)
