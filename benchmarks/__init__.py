"""Measurements as ratios within one run: absolute times of one machine say little."""
