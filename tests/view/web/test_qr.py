"""The link as a QR code, read back by another program's reader."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("segno", reason="segno is not installed")
from realtime3d.view.web.qr import INK, qr_text


@pytest.mark.parametrize(
    "link",
    ["https://192.168.1.20:8321/?token=8zYw1kq3vXcR0aQm7JtLbNfE", "http://[2001:db8::1]:8321/?token=" + "x" * 60],
)
def test_a_reader_finds_the_link_in_what_is_printed(link: str) -> None:
    light = {character: pair for pair, character in INK.items()}
    rows = []
    for line in qr_text(link).splitlines():
        pairs = [light[character] for character in line]
        rows += [[above for above, _ in pairs], [below for _, below in pairs]]
    dark = np.kron(np.array(rows, np.uint8), np.ones((8, 8), np.uint8))
    picture = cv2.copyMakeBorder(255 * (1 - dark), 32, 32, 32, 32, cv2.BORDER_CONSTANT, value=255)
    text, *_ = cv2.QRCodeDetector().detectAndDecode(picture)
    assert text == link
    assert len(qr_text(link).splitlines()[0]) < 60  # columns
