"""Measures what this machine can do, so that the figures can be quoted: see docs/benchmarks.md."""
