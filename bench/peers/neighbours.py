#!/usr/bin/env python3
"""Item-item neighbours of implicit on the pairs of an Aurochs dataset: one JSON object, {"seconds"}, those of fit.

    neighbours.py DATASET cosine|tfidf|bm25 NEIGHBOURS weight|none

Every pair counts its weight, or with `none` 1.
"""
import json
import os
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np
import scipy.sparse as sparse
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender

TYPES = {"F32": "<f4", "U32": "<u4", "U64": "<u8"}


def read_tensors(path):
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    return {
        name: np.memmap(path, TYPES[about["dtype"]], "r", 8 + size + about["data_offsets"][0], tuple(about["shape"]))
        for name, about in header.items()
    }


_, dataset, name, neighbours, weighting = sys.argv
csr = read_tensors(os.path.join(dataset, "by-user.safetensors"))
columns = len(read_tensors(os.path.join(dataset, "by-item.safetensors"))["indptr"]) - 1
weights = csr["weights"].astype(np.float64)
parts = np.ones_like(weights) if weighting == "none" else weights, csr["indices"].astype(np.int32), csr["indptr"].astype(np.int64)
pairs = sparse.csr_matrix(parts, (len(csr["indptr"]) - 1, columns))
recommender = {"cosine": CosineRecommender, "tfidf": TFIDFRecommender, "bm25": BM25Recommender}[name]
model = recommender(K=int(neighbours), num_threads=2)
begun = time.perf_counter()
model.fit(pairs, show_progress=False)
print(json.dumps({"seconds": time.perf_counter() - begun}), flush=True)
