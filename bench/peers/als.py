#!/usr/bin/env python3
"""ALS of implicit or rusket on the pairs of an Aurochs dataset, one JSON object a line.

    als.py implicit DATASET FACTORS EPOCHS REGULARIZATION ALPHA [OUT] [--loss]
    als.py rusket   DATASET FACTORS EPOCHS REGULARIZATION ALPHA
    als.py loss     DATASET FACTORS 0      REGULARIZATION ALPHA IN    the loss of factors that are in a file
    als.py gemm                                                      this machine's f32 GEMM rate on two threads

Each epoch prints {"epoch", "seconds", "total"}, where total is that since the training was called for, with --loss also its
loss, which is not counted in the time, in double precision from the definition:
  sum over observed pairs of c (1 - s)^2 + over all others of s^2 + regularization (|X|^2 + |Y|^2),   c = alpha * weight.
OUT and IN are safetensors files with the matrices "users" and "items".
"""
import json
import os
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = "2" if sys.argv[1] == "gemm" else "1"
import numpy as np

TYPES = {"F32": "<f4", "F64": "<f8", "U32": "<u4", "U64": "<u8", "I64": "<i8"}


def read_tensors(path):
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    return {
        name: np.memmap(path, TYPES[about["dtype"]], "r", 8 + size + about["data_offsets"][0], tuple(about["shape"]))
        for name, about in header.items()
    }


def write_tensors(path, tensors):
    header, at = {}, 0
    for name, data in tensors.items():
        header[name] = {"dtype": "F32", "shape": data.shape, "data_offsets": [at, at + data.nbytes]}
        at += data.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 8) % 64)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for data in tensors.values():
            file.write(np.ascontiguousarray(data, "<f4").tobytes())


def loss_of(pairs, alpha, regularization, users, items):
    users, items = users.astype(np.float64), items.astype(np.float64)
    loss = np.sum((users.T @ users) * (items.T @ items))
    loss += regularization * (np.sum(users * users) + np.sum(items * items))
    rows = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.indptr))
    for at in range(0, pairs.nnz, 1 << 19):
        part = slice(at, at + (1 << 19))
        score = np.einsum("ij,ij->i", users[rows[part]], items[pairs.indices[part]])
        confidence = alpha * pairs.data[part].astype(np.float64)
        loss += np.sum(confidence * (1 - score) ** 2 - score**2)
    return float(loss)


def print_line(**line):
    print(json.dumps(line), flush=True)


def gemm():
    a, b = (np.random.default_rng(seed).random((4096, 4096), np.float32) for seed in (1, 2))
    a @ b
    best = min(timed(lambda: a @ b) for _ in range(3))
    print_line(gflops=2 * 4096**3 / best / 1e9)


def timed(work):
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main():
    peer, dataset, factors, epochs, regularization, alpha = sys.argv[1:7]
    factors, epochs, regularization, alpha = int(factors), int(epochs), float(regularization), float(alpha)
    import scipy.sparse as sparse

    csr = read_tensors(os.path.join(dataset, "by-user.safetensors"))
    columns = len(read_tensors(os.path.join(dataset, "by-item.safetensors"))["indptr"]) - 1
    shape = (len(csr["indptr"]) - 1, columns)
    parts = csr["weights"].astype(np.float32), csr["indices"].astype(np.int32), csr["indptr"].astype(np.int64)
    pairs = sparse.csr_matrix(parts, shape)
    if peer == "loss":
        found = read_tensors(sys.argv[7])
        print_line(loss=loss_of(pairs, alpha, regularization, found["users"], found["items"]))
    elif peer == "implicit":
        from implicit.als import AlternatingLeastSquares

        model = AlternatingLeastSquares(
            factors=factors, regularization=regularization, alpha=alpha, iterations=epochs, num_threads=2, random_state=7
        )

        not_counted = 0.0

        def after(epoch, elapsed, *_):
            nonlocal not_counted
            now = time.perf_counter()
            loss = "--loss" in sys.argv and loss_of(pairs, alpha, regularization, model.user_factors, model.item_factors)
            total = now - begun - not_counted
            print_line(epoch=epoch + 1, seconds=elapsed, total=total, **({"loss": loss} if loss else {}))
            not_counted += time.perf_counter() - now

        begun = time.perf_counter()

        model.fit(pairs, show_progress=False, callback=after)
        if len(sys.argv) > 7 and not sys.argv[7].startswith("--"):
            write_tensors(sys.argv[7], {"users": model.user_factors, "items": model.item_factors})
    elif peer == "rusket":
        from rusket import ALS

        few, many = 1, 1 + epochs
        times = {}
        for iterations in (few, many):
            model = ALS(factors=factors, regularization=regularization, alpha=alpha, iterations=iterations, seed=7)
            times[iterations] = timed(lambda: model.fit(pairs))
        print_line(epoch=many, seconds=(times[many] - times[few]) / (many - few))


gemm() if sys.argv[1] == "gemm" else main()
