"""What a picture's fine colours are made of: shading, melanin and blood.

Pigments darken colours along two known directions, shading darkens all three alike. Only what is finer than a few
millimetres is split: what is coarser belongs to the light, the foundation and the albedo.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.types import FloatArray, Image

COARSE_MM = 3.5  # radius of the mean that is taken away
MELANIN = (1.0, 0.61, 0.41)  # -log of linear B, G, R, for the same amount
BLOOD = (0.87, 1.0, 0.16)
SHADING_SD, MELANIN_SD, BLOOD_SD, NOISE_SD = 0.15, 0.1, 0.1, 0.02  # of the logarithm
COLOUR_MM = 0.7  # colours are averaged over this: JPEG keeps them at half the resolution, with more noise
HAIR_DARK = (0.2, 0.5)  # logarithm: skin that is so much darker than most may be hair
HAIR_PALE = (0.08, 0.25)  # logarithm of red over blue: and so much less red
HAIR_ROUGH = (1.6, 3.0)  # or that many times as rough as most
HAIR_MM = 2.0  # over which roughness is averaged, and detail fades at hair
OUTLIER = 0.35  # of the logarithm: brows, nostrils, lashes take no part in the mean
DARKEST, BRIGHTEST = 12, 250  # grey levels between which a pixel says something
GREY_SPREAD = 3.0  # levels: a picture whose channels differ by less has no colour
_LINEAR = np.where(
    np.arange(256) <= 10.3, np.arange(256) / 255 / 12.92, ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4
).astype(np.float32)


@dataclass(frozen=True)
class Residual:
    """The fine part of a face's colours, (h, w)."""

    shading: FloatArray  # logarithm: above 0 brighter than around it
    fine: FloatArray  # (h, w, 3) the colours' logarithms that it was split from
    weight: FloatArray  # 0..1 how much it says
    bare: FloatArray  # 0..1 skin; below where it looks like a beard, a fringe or stubble
    colour: bool  # False: the picture is grey, nothing was split


def linear(image: Image) -> FloatArray:
    """sRGB levels as light, 0 to 1."""
    return np.asarray(_LINEAR[image], np.float32)


def levels(light: FloatArray) -> Image:
    """Light 0 to 1 as sRGB levels."""
    table = _TO_LEVELS[np.clip(light * np.float32(4095) + np.float32(0.5), 0, 4095).astype(np.uint16)]
    return np.asarray(table, np.uint8)


def _level_table() -> NDArray[np.uint8]:
    x = np.arange(4096) / 4095
    return np.rint(255 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)).astype(np.uint8)


_TO_LEVELS = _level_table()


def has_colour(image: Image, where: NDArray[np.bool_]) -> bool:
    """Whether skin in a picture has a colour."""
    pixels = image[where].astype(np.float32)
    return bool(len(pixels)) and float(np.median(np.ptp(pixels, axis=1))) >= GREY_SPREAD


def split(image: Image, shade: FloatArray, weight: FloatArray, mm_per_px: float) -> Residual:
    """The shading residual of skin; `shade` (h, w) is the light on the foundation, `weight` where skin is."""
    usable = ((image.min(axis=-1) >= DARKEST) & (image.max(axis=-1) <= BRIGHTEST)).astype(np.float32)
    usable = cv2.erode(usable, np.ones((3, 3), np.uint8)) * (weight > 0)
    colour = has_colour(image, usable > 0)
    light = np.log(np.maximum(linear(image), np.float32(1e-3)))
    if not colour:
        light = light.mean(axis=-1, keepdims=True)
    light -= np.log(shade)[..., None]
    fine, sure = _fine(light, usable, COARSE_MM / mm_per_px)
    shading = _shading(fine, mm_per_px) if colour else fine[..., 0]
    bare = _bare(light - fine, fine.mean(axis=-1), usable * weight, mm_per_px)
    weight = usable * weight * sure * bare
    return Residual(np.asarray(shading, np.float32), np.broadcast_to(fine, image.shape), weight, bare, colour)


def _fine(light: FloatArray, usable: FloatArray, radius_px: float) -> tuple[FloatArray, FloatArray]:
    """What differs from the mean around it; twice, the second time without what differed much."""
    weight = usable
    fine = light
    for _ in range(2):
        mean = _mean(light, weight, radius_px)
        fine = light - mean
        off = np.abs(fine).max(axis=-1) if fine.ndim == 3 else np.abs(fine)
        weight = usable * (off < OUTLIER)
    sure = np.clip((0.6 - off) / 0.2, 0, 1)
    return np.asarray(fine, np.float32), np.asarray(sure, np.float32)


def _bare(coarse: FloatArray, fine: FloatArray, weight: FloatArray, mm_per_px: float) -> FloatArray:
    """(h, w) 1 on skin, 0 on hair: darker than most of the face, and paler or rougher."""
    skin = weight > 0.5
    if skin.sum() < 50:
        return np.ones_like(weight)
    reach = max(0.8, HAIR_MM / mm_per_px)
    brightness = coarse.mean(axis=-1)
    dark = _rise(np.median(brightness[skin]) - brightness, HAIR_DARK)
    rough = np.sqrt(cv2.GaussianBlur(np.clip(fine, -1, 1) ** 2, (0, 0), reach))
    odd = _rise(rough / max(float(np.median(rough[skin])), 1e-4), HAIR_ROUGH)
    if coarse.shape[-1] == 3:
        red = coarse[..., 2] - coarse[..., 0]
        odd = np.maximum(odd, _rise(np.median(red[skin]) - red, HAIR_PALE))
    hair = cv2.GaussianBlur(np.asarray(dark * odd, np.float32), (0, 0), reach / 2)
    return np.asarray(np.clip(1 - 1.5 * hair, 0, 1), np.float32)


def _rise(values: FloatArray, limits: tuple[float, float]) -> FloatArray:
    """0 below the first limit, 1 above the second."""
    return np.asarray(np.clip((values - limits[0]) / (limits[1] - limits[0]), 0, 1), np.float32)


def _mean(values: FloatArray, weight: FloatArray, radius_px: float) -> FloatArray:
    """The mean around each pixel, of those that count."""
    size = 2 * max(1, round(radius_px * 0.7)) + 1
    total, count = values * weight[..., None], weight
    for _ in range(2):
        total = cv2.blur(total, (size, size), borderType=cv2.BORDER_CONSTANT)
        count = cv2.blur(count, (size, size), borderType=cv2.BORDER_CONSTANT)
    total = total.reshape(values.shape)
    return np.asarray(total / np.maximum(count, 1e-4)[..., None], np.float32)


def _shading(fine: FloatArray, mm_per_px: float) -> FloatArray:
    """The most probable shading of colours' logarithms."""
    row = _shading_row()
    mean = fine.mean(axis=-1)
    hue = cv2.GaussianBlur(fine - mean[..., None], (0, 0), max(0.8, COLOUR_MM / mm_per_px))
    return np.asarray(row.sum() * mean + hue @ row, np.float32)


def _shading_row() -> FloatArray:
    """(3,) by which a colour's logarithm gives the most probable shading."""
    ways = np.array([[1.0, 1.0, 1.0], np.negative(MELANIN), np.negative(BLOOD)])
    ways[1:] /= np.linalg.norm(ways[1:], axis=1, keepdims=True) / np.sqrt(3)  # an amount of 1 is as visible as shading
    spread = np.diag(np.square([SHADING_SD, MELANIN_SD, BLOOD_SD]))
    seen = ways.T @ spread @ ways + NOISE_SD**2 * np.eye(3)
    return np.asarray((spread @ ways @ np.linalg.inv(seen))[0], np.float32)
