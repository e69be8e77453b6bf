"""What is measured: the response to wrinkles, what stains leave, beards, smooth skin, hidden halves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from benchmarks.detail import drawing
from benchmarks.detail.subjects import Subject, whole_picture
from realtime3d.surface.detail_maker import DetailMaker
from realtime3d.surface.light import fit_light
from realtime3d.surface.skin import levels, linear
from realtime3d.surface.solve import band
from realtime3d.types import FloatArray, Image

Numbers = dict[str, Any]
ZONE_MM, ZONE_REACH_MM = 0.02, 2.0  # a wrinkle's own depth, and how far around it is looked


def relief(maker: DetailMaker, subject: Subject, image: Image) -> FloatArray:
    """(H, W) displacement in the picture's pixels."""
    found = maker.relief(subject.face, image)
    assert found is not None
    return whole_picture(found.displacement, found.part.origin, found.part.scale, image.shape[:2])


def without_light(subject: Subject) -> FloatArray:
    """(H, W, 3) the photograph in linear light, as if lit evenly."""
    light = linear(subject.image)
    shade = fit_light(light.mean(axis=-1), subject.normals, subject.skin.astype(np.float32)).on(subject.normals)
    return np.asarray(light / np.clip(shade, 0.4, 2.5)[..., None], np.float32)


def wrinkles_and_stains(
    maker: DetailMaker, chosen: Sequence[Subject], widths: tuple[float, float], grain: bool
) -> Numbers:
    """Slope and correlation of the answer to drawn wrinkles, and the answer to stains of equal contrast over it."""
    rows: list[Numbers] = []
    for number, subject in enumerate(chosen):
        rng = np.random.default_rng(number)
        even, span = without_light(subject), subject.mm_per_px
        if grain:
            even = even * np.exp(drawing.grain(rng, subject.skin.shape, span))[..., None]
        truth = drawing.wrinkles(rng, subject.skin, span, widths)
        blots = drawing.stains(rng, subject.skin, span, widths)
        near = cv2.dilate((truth < -ZONE_MM).astype(np.uint8), _disc(ZONE_REACH_MM / span)) > 0
        zone = near & subject.skin
        folded, sky = drawing.raised(subject.points, subject.normals, truth), drawing.open_sky(truth, span)
        for name, lamp in drawing.LAMPS.items():
            rows.append({"picture": subject.name, "lamp": name})
            rows[-1] |= _one(maker, subject, rng, lamp, even, truth, blots, zone, folded, sky)
    return {"rows": rows, **_summary(rows)}


def _one(
    maker: DetailMaker, subject: Subject, rng: drawing.Rng, lamp: drawing.Lamp, even: FloatArray, truth: FloatArray,
    blots: FloatArray, zone: np.ndarray, folded: FloatArray, sky: FloatArray,
) -> Numbers:  # fmt: skip
    skin, span = subject.skin, subject.mm_per_px
    flat = lamp.shade(subject.normals)
    lit = even * flat[..., None]
    lit = lit * np.float32(np.median(linear(subject.image)[skin]) / max(float(np.median(lit[skin])), 1e-6))
    ratio = np.where(np.isfinite(subject.points[..., 2]), lamp.shade(folded, sky) / np.maximum(flat, 1e-3), 1)
    plain = relief(maker, subject, drawing.photographed(rng, lit))
    raw = relief(maker, subject, drawing.photographed(rng, lit * ratio[..., None]))
    wanted = band(truth, span)[zone]
    answer = (raw - plain)[zone]
    out: Numbers = {
        "slope": float((answer * wanted).sum() / (wanted**2).sum()),
        "r": _r(answer, wanted),
        "r_with_own_detail": _r(raw[zone], wanted),
    }
    log_ratio = np.log(np.maximum(ratio, 1e-3))
    contrast = float((log_ratio - cv2.blur(log_ratio, (2 * round(3.5 / span) + 1,) * 2))[zone].std())
    blot_fine = blots - cv2.blur(blots, (2 * round(3.5 / span) + 1,) * 2)
    blot_zone = (cv2.dilate((blots > 0.1).astype(np.uint8), _disc(ZONE_REACH_MM / span)) > 0) & skin
    for paint, way in drawing.PAINTS.items():
        strength = contrast / max(float(blot_fine[blot_zone].std()), 1e-6)
        dark = np.exp(-np.asarray(way, np.float32) / np.mean(way) * strength * blots[..., None])
        stained = relief(maker, subject, drawing.photographed(rng, lit * dark.astype(np.float32)))
        out[f"leak_{paint}"] = float((stained - plain)[blot_zone].std() / max(float(answer.std()), 1e-6))
    return out


def _summary(rows: Sequence[Numbers]) -> Numbers:
    lamps = sorted({row["lamp"] for row in rows})
    by_lamp = {
        lamp: {key: _mean([row[key] for row in rows if row["lamp"] == lamp]) for key in ("slope", "r")}
        for lamp in lamps
    }
    keys = ("slope", "r", "r_with_own_detail", *(f"leak_{paint}" for paint in drawing.PAINTS))
    return {
        "by_lamp": by_lamp,
        "r_worst_lamp": min(numbers["r"] for numbers in by_lamp.values()),
        **{key: _mean([row[key] for row in rows]) for key in keys},
    }


def smooth_skin(maker: DetailMaker, chosen: Sequence[Subject]) -> Numbers:
    """mm rms on the foundation itself with skin of one colour, photographed with noise and JPEG."""
    rms = []
    for number, subject in enumerate(chosen):
        rng = np.random.default_rng(number)
        for lamp in drawing.LAMPS.values():
            light = np.array([0.22, 0.30, 0.46], np.float32) * lamp.shade(subject.normals)[..., None]
            light = np.where(np.isfinite(subject.points[..., 2:]), light, np.float32(0.2))
            found = relief(maker, subject, drawing.photographed(rng, light))
            rms.append(float(np.sqrt((found[subject.skin] ** 2).mean())))
    return {"rms_mm": _mean(rms), "worst_mm": max(rms), "pictures": len(rms)}


def beards(maker: DetailMaker, chosen: Sequence[Subject]) -> Numbers:
    """Detail in the beard and at the brows over that on the cheeks."""
    over = []
    for subject in chosen:
        found = relief(maker, subject, subject.image)
        head = (subject.points - subject.face.pose.t.astype(np.float32)) @ subject.face.pose.R.astype(np.float32)
        x, y = np.abs(head[..., 0]), head[..., 1]
        there = np.isfinite(head[..., 0])
        chin = there & subject.skin & (y > 62) & (x < 45)
        brow = there & (y < -12) & (y > -32) & (x > 12) & (x < 52)
        cheek = there & subject.skin & (y > 18) & (y < 45) & (x > 28) & (x < 58)
        values = [found[where].std() for where in (chin | brow, cheek)]
        over.append(float(values[0] / max(values[1], 1e-6)))
    return {"ratio": _mean(over), "median": float(np.median(over)), "worst": max(over), "people": len(over)}


def hidden_half(maker: DetailMaker, chosen: Sequence[Subject]) -> Numbers:
    """What of a half that is hidden comes back from the other: variance of the detail, and albedo."""
    explained, products, decibels = [], [], []
    for number, subject in enumerate(chosen):
        side = 1.0 if number % 2 else -1.0
        head = (subject.points - subject.face.pose.t.astype(np.float32)) @ subject.face.pose.R.astype(np.float32)
        mask = np.where(np.nan_to_num(head[..., 0]) * side > 2, 0, 1).astype(np.float32)
        whole, half = maker.make(subject.face, subject.image), maker.make(subject.face, subject.image, mask)
        away = (whole.seen > 250) & (half.seen < 5)
        d, guess = whole.displacement_mm[away], half.displacement_mm[away]
        explained.append((float(((d - guess) ** 2).sum()), float((d**2).sum())))
        both = (whole.seen > 250) & (half.seen > 250)  # an albedo is known up to one factor
        own, lent = linear(whole.albedo), linear(half.albedo)
        same = levels(lent[away] * np.float32(np.median(own[both]) / max(float(np.median(lent[both])), 1e-6)))
        error = (whole.albedo[away].astype(np.float64) - same) ** 2
        decibels.append(float(10 * np.log10(255**2 / max(error.mean(), 1e-9))))
        products.append((float((d * guess).sum()), float((guess**2).sum())))
    lost, all_of_it = np.sum(explained, axis=0)
    shared, guessed = np.sum(products, axis=0)
    return {
        "variance_explained": float(1 - lost / all_of_it), "best_factor": float(shared / guessed),
        "explained_at_best_factor": float(shared**2 / guessed / all_of_it), "albedo_db": _mean(decibels),
        "people": len(decibels),
    }  # fmt: skip


def _r(a: FloatArray, b: FloatArray) -> float:
    return float((a * b).sum() / max(float(np.sqrt((a**2).sum() * (b**2).sum())), 1e-12))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _disc(radius_px: float) -> np.ndarray:
    side = 2 * max(1, round(radius_px)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
