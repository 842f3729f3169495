"""The pairs of an Aurochs dataset, and factors in safetensors files."""
import json
import os
import sys
import time

import numpy as np
import scipy.sparse as sparse

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


def read_pairs(dataset, kind=np.float32):
    """(users x items) The weights."""
    csr = read_tensors(os.path.join(dataset, "by-user.safetensors"))
    columns = len(read_tensors(os.path.join(dataset, "by-item.safetensors"))["indptr"]) - 1
    parts = csr["weights"].astype(kind), csr["indices"].astype(np.int32), csr["indptr"].astype(np.int64)
    return sparse.csr_matrix(parts, (len(csr["indptr"]) - 1, columns))


def write_tensors(path, tensors):
    header, at = {}, 0
    for name, data in tensors.items():
        header[name] = {"dtype": "F32", "shape": data.shape, "data_offsets": [at, at + 4 * data.size]}
        at += 4 * data.size
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 8) % 64)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for data in tensors.values():
            file.write(np.ascontiguousarray(data, "<f4").tobytes())


def print_line(**line):
    print(json.dumps(line), flush=True)


def clocks():
    """Seconds on the clock, and those of all threads together."""
    return np.array([time.perf_counter(), time.process_time()])


class Trace:
    """Reports epochs of a training, and their factors where they are wanted, in a time that does not count."""

    def __init__(self, out, epochs, wanted):
        self.out, self.epochs, self.wanted = out, epochs, wanted
        self.begin()

    def begin(self):
        """Begins to count: just before the call that trains."""
        self.begun, self.paused = clocks(), np.zeros(2)

    def epoch(self, epoch, factors):
        """Prints {"epoch", "total", "cpu", "factors"}, and waits until that was read; `factors()` gives those of users and items."""
        now = clocks()
        wanted = self.wanted == "all" or self.wanted == "last" and epoch == self.epochs
        if wanted:
            write_tensors(self.out, dict(zip(("users", "items"), factors())))
        total, cpu = now - self.begun - self.paused
        print_line(epoch=epoch, total=total, cpu=cpu, factors=wanted)
        if not sys.stdin.readline():
            # Not by an exception, which threads of a library would outlive.
            os._exit(0)
        self.paused += clocks() - now

    def counts(self):
        """Numbers of epochs to train from the start, for a library that does not say when an epoch ends: from one to the next
        counts half as many more, so that all together take a few times what the last does."""
        if self.wanted == "last":
            return [self.epochs]
        if self.wanted == "none":
            return sorted({1, self.epochs})
        counts = [1]
        while counts[-1] < self.epochs:
            counts.append(min(self.epochs, counts[-1] + max(1, counts[-1] // 2)))
        return counts
