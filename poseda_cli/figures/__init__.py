"""Figures, by matplotlib (extra `plot`), without a display and byte for byte the same for the same data."""
