#!/usr/bin/env python3
"""Random search of the settings of implicit's ALS, one JSON object a trial; the best is then trained on all pairs.

    als-search.py DATASET HELD FACTORS SECONDS WHOLE OUT

DATASET is an Aurochs dataset to train on; HELD a safetensors file of who is judged by what: "users" (rows of DATASET), "indptr",
"items" and "sizes", how many items are held out in all. A trial prints {"regularization", "alpha", "iterations", "ndcg",
"seconds"}: NDCG@20 over the users. None begins that would end after SECONDS, going by the one before. OUT gets the "users" and
"items" of a training on the dataset WHOLE with the best setting.
"""
import os
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np
from dataset import print_line, read_pairs, read_tensors, write_tensors
from implicit.als import AlternatingLeastSquares

LIMIT = 20
_, dataset, held, factors, seconds, whole, out = sys.argv


def trained(pairs, setting):
    model = AlternatingLeastSquares(factors=int(factors), num_threads=2, random_state=7, **setting)
    model.fit(pairs, show_progress=False)
    return model


def ndcg(model, pairs, held):
    discount = 1 / np.log2(np.arange(2, LIMIT + 2))
    total = 0.0
    users, indptr, items, sizes = (np.asarray(held[name]) for name in ("users", "indptr", "items", "sizes"))
    for begin in range(0, len(users), 1000):
        rows = users[begin : begin + 1000]
        lists, _ = model.recommend(rows, pairs[rows], N=LIMIT, filter_already_liked_items=True)
        for at, found in enumerate(lists, begin):
            hits = np.isin(found, items[indptr[at] : indptr[at + 1]])
            total += discount[hits].sum() / discount[: min(LIMIT, sizes[at])].sum()
    return float(total / len(users))


def main():
    pairs, judged = read_pairs(dataset), read_tensors(held)
    random = np.random.default_rng(7)
    best, begun = (-1.0, {}), time.perf_counter()
    setting = {"regularization": 0.01, "alpha": 10.0, "iterations": 15}
    while True:
        trial = time.perf_counter()
        score = ndcg(trained(pairs, setting), pairs, judged)
        took = time.perf_counter() - trial
        print_line(**setting, ndcg=score, seconds=took)
        best = max(best, (score, setting), key=lambda each: each[0])
        if time.perf_counter() - begun + took > float(seconds):
            break
        setting = {
            "regularization": float(10 ** random.uniform(-3, 3.5)),
            "alpha": float(10 ** random.uniform(-0.5, 2.5)),
            "iterations": int(random.integers(5, 31)),
        }
    model = trained(read_pairs(whole), best[1])
    write_tensors(out, {"users": model.user_factors, "items": model.item_factors})


main()
