#!/usr/bin/env python3
"""The ten best items by inner product with faiss's flat index: queries a second, on two threads.

    flat.py FACTORS BATCH ONES

FACTORS is the tensors.safetensors of an ALS model. Queries are BATCH users spread evenly over all of them in one call, then ONES
of them in a call each. Prints {"batch": queries a second, "one": queries a second, "items": the lists of the latter}.
"""
import json
import sys
import time

import faiss
import numpy as np


def read_matrix(path, name):
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        about = json.loads(file.read(size))[name]
    return np.memmap(path, "<f4", "r", 8 + size + about["data_offsets"][0], tuple(about["shape"]))


def spread(rows, count):
    return rows[[at * len(rows) // count for at in range(count)]]


path, batch, ones = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
faiss.omp_set_num_threads(2)
items = np.ascontiguousarray(read_matrix(path, "items"))
index = faiss.IndexFlatIP(items.shape[1])
index.add(items)
queries = spread(read_matrix(path, "users"), batch)
index.search(queries[:64], 10)

start = time.perf_counter()
index.search(queries, 10)
per_batch = time.perf_counter() - start

singles = spread(queries, ones)
lists = []
start = time.perf_counter()
for row in range(ones):
    lists.append(index.search(singles[row : row + 1], 10)[1][0].tolist())
per_ones = time.perf_counter() - start
print(json.dumps({"batch": batch / per_batch, "one": ones / per_ones, "items": lists}))
