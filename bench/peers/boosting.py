#!/usr/bin/env python3
"""LightGBM on rows of a safetensors file: {"train", "trainProcessor", "predict"} in seconds; predictions of the judged rows go to OUT.

    boosting.py DATA OUT OPTIONS

DATA has rows (n x features), labels and judged. OPTIONS is JSON: {"trees", "leaves", "learningRate", "minimumRows", "l2", "threads"}.
The time to train is that of making its Dataset, with its bins, and of the trees.
"""
import json
import sys
import time

import lightgbm
import numpy as np
from dataset import read_tensors, write_tensors

_, data, out, options = sys.argv
options = json.loads(options)
tensors = {name: np.array(tensor) for name, tensor in read_tensors(data).items()}
parameters = {
    "objective": "binary", "num_leaves": options["leaves"], "learning_rate": options["learningRate"],
    "min_data_in_leaf": options["minimumRows"], "lambda_l2": options["l2"], "num_threads": options["threads"],
    "max_bin": 255, "verbose": -1, "seed": 7,
}  # fmt: skip

start, processor = time.perf_counter(), time.process_time()
dataset = lightgbm.Dataset(tensors["rows"], tensors["labels"], params=parameters)
model = lightgbm.train(parameters, dataset, options["trees"])
trained, processor = time.perf_counter() - start, time.process_time() - processor

start = time.perf_counter()
predictions = model.predict(tensors["judged"])
predicted = time.perf_counter() - start
write_tensors(out, {"predictions": predictions.astype("f4")})
print(json.dumps({"train": trained, "trainProcessor": processor, "predict": predicted}))
