#!/usr/bin/env python3
"""Item-item neighbours of implicit on the pairs of an Aurochs dataset: one JSON object, {"seconds", "cpu"}, those of fit
and of its threads together.

    neighbours.py DATASET cosine|tfidf|bm25 NEIGHBOURS

Every pair counts 1.
"""
import os
import sys

os.environ["OPENBLAS_NUM_THREADS"] = "1"
import time

import numpy as np
from dataset import print_line, read_pairs
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender

_, dataset, name, neighbours = sys.argv
pairs = read_pairs(dataset, np.float64)
pairs.data[:] = 1
model = {"cosine": CosineRecommender, "tfidf": TFIDFRecommender, "bm25": BM25Recommender}[name](K=int(neighbours), num_threads=2)
begun, cpu = time.perf_counter(), time.process_time()
model.fit(pairs, show_progress=False)
print_line(seconds=time.perf_counter() - begun, cpu=time.process_time() - cpu)
