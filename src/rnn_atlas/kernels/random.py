"""Counter-based normal numbers: a pure function of (key, step, neuron), so noise can be replayed from anywhere.

Threefry-2x64 with 13 rounds (SOURCE: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", SC'11) gives
two words per counter (step, pair of neurons); Box-Muller turns them into two normals.
"""

import math

import numpy as np

from rnn_atlas.kernels.compiled import compiled

_PARITY = np.uint64(0x1BD11BDAA9FC1A22)
_ROTATIONS = (16, 42, 12, 31, 16, 32, 24, 21)
_ROUNDS = 13


@compiled
def threefry(counter0, counter1, key0, key1):
    """Threefry-2x64-13 of one counter under one key: four uint64 in, two uint64 out."""
    keys = (key0, key1, _PARITY ^ key0 ^ key1)
    x0, x1 = counter0 + key0, counter1 + key1
    for r in range(_ROUNDS):
        rotation = np.uint64(_ROTATIONS[r % 8])
        x0 = x0 + x1
        x1 = (x1 << rotation) | (x1 >> (np.uint64(64) - rotation))
        x1 = x1 ^ x0
        if r % 4 == 3:
            s = r // 4 + 1
            x0 = x0 + keys[s % 3]
            x1 = x1 + keys[(s + 1) % 3] + np.uint64(s)
    return x0, x1


@compiled
def fill_normals(key, step, out):
    """out[i, :] = the standard normal of neuron i at this step. key (2,) uint64, out (neurons, lanes) float64."""
    for pair in range((out.shape[0] + 1) // 2):
        a, b = threefry(np.uint64(step), np.uint64(pair), key[0], key[1])
        u = (np.float64(a >> np.uint64(11)) + 1.0) * 1.1102230246251565e-16  # (0, 1], 53 bits
        angle = np.float64(b >> np.uint64(11)) * (2.0 * math.pi * 1.1102230246251565e-16)
        radius = math.sqrt(-2.0 * math.log(u))
        out[2 * pair, :] = radius * math.cos(angle)
        if 2 * pair + 1 < out.shape[0]:
            out[2 * pair + 1, :] = radius * math.sin(angle)
