"""Smoothing studied on synthetic motion with known truth."""
