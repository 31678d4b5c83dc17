"""Stages, one file each: a pure function of a tile, with its options, variables and cost."""
