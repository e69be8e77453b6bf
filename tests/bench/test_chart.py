"""The picture of a report: always 1600 px wide, with a panel for whatever was measured."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from realtime3d.bench import chart


def report_of(**scenarios: dict[str, list[float]]) -> dict[str, Any]:
    """A report with these metrics: scenario -> name -> values."""
    return {
        "machine": {"cpu": "A processor", "usable_cores": 2, "load_before": 9.0},
        "backend": {"name": "onnxruntime", "device": "cpu", "threads": 2},
        "models": {"name": "compact", "status": "preview"},
        "commit": {"hash": None, "changed": None},
        "started": "2026-01-02T03:04:05+00:00",
        "scenarios": {
            scenario: {"metrics": {name: {"values": v, "unit": "", "better": "lower"} for name, v in metrics.items()}}
            for scenario, metrics in scenarios.items()
        },
    }


def drawn(found: dict[str, Any]) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(chart.png(found), np.uint8), cv2.IMREAD_COLOR)


FULL = {
    "pipeline": {"fps": [300.0, 310, 290], "frame_ms": [3.0], "detect_ms": [0.4], "nets_ms": [1.8]},
    "overlay": {"fps": [100.0, 90, 120]},
    "encoding": {"fps": [50.0]},
    "peer": {"times_as_fast": [0.9, 1.1, 1.0]},
    "peers": {"openseeface_times_as_fast": [2.5, 2.6], "3ddfa_times_as_fast": [1.5]},
    "latency": {"p50_ms": [3.0], "p95_ms": [8.0], "p99_ms": [9.0], "dropped": [0.0]},
    "faces": {"fps_1": [300.0], "fps_8": [80.0]},
    "sizes": {"fps_480p": [300.0], "fps_4K": [200.0]},
    "detector": {"fps_every_1": [90.0], "fps_every_15": [300.0]},
    "streams": {"streams_at_15_fps": [12.0], "streams_at_30_fps": [0.0]},
}


def test_everything_has_its_panel() -> None:
    picture = drawn(report_of(**FULL))
    assert picture.shape[1] == 1600
    assert picture.shape[0] == drawn(report_of(**dict(list(FULL.items())[:5]))).shape[0] + 2 * chart.ROW * chart.DPI
    edges = np.concatenate([picture[:, :8], picture[:, -8:]], axis=1)
    assert (edges == 255).all()  # nothing is cut off


@pytest.mark.parametrize("scenario", list(FULL))
def test_one_scenario_alone(scenario: str) -> None:
    alone = drawn(report_of(**{scenario: FULL[scenario]}))
    assert alone.shape[1] == 1600
    assert (alone[170:] != 255).any()  # below the head


def test_nothing_to_draw_is_a_head_only() -> None:
    picture = drawn(report_of(nets={"face_ms": [2.0]}))
    assert picture.shape[1] == 1600 and (picture[:150] != 255).any() and (picture[150:] == 255).all()
