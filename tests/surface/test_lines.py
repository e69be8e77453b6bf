"""What runs along a line stays of a relief, what soon ends goes."""

from __future__ import annotations

import numpy as np

from realtime3d.surface.lines import along_lines


def test_a_line_stays_and_a_spot_of_its_width_goes() -> None:
    y, x = np.mgrid[:200, :200].astype(np.float32)
    spot = -np.exp(-((x - 50) ** 2 + (y - 100) ** 2) / 18)
    line = -np.exp(-((x - 140) ** 2) / 18) * (np.abs(y - 100) < 40)
    found = along_lines((spot + line).astype(np.float32), 0.4)
    assert found[100, 140] < -0.6
    assert abs(found[100, 50]) < 0.25


def test_the_end_of_a_line_stays() -> None:
    y, x = np.mgrid[:200, :200].astype(np.float32)
    line = (-np.exp(-((x - 100) ** 2) / 18) * (y > 100)).astype(np.float32)
    found = along_lines(line, 0.4)
    assert found[108, 100] < 0.5 * found[150, 100] < 0
