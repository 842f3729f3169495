#!/usr/bin/env python3
"""This machine's rate of f32 matrix products on two threads, by numpy: {"gflops"}."""
import os
import time

os.environ["OPENBLAS_NUM_THREADS"] = "2"
import numpy as np
from dataset import print_line

a, b = (np.random.default_rng(seed).random((4096, 4096), np.float32) for seed in (1, 2))
a @ b
best = float("inf")
for _ in range(3):
    begun = time.perf_counter()
    a @ b
    best = min(best, time.perf_counter() - begun)
print_line(gflops=2 * 4096**3 / best / 1e9)
