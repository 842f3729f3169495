#!/usr/bin/env python3
"""ALS of implicit, rusket or buffalo on the pairs of an Aurochs dataset, two threads: epochs as dataset.Trace reports them.

    als.py implicit|rusket|buffalo DATASET OUT OPTIONS

OPTIONS is JSON: {"factors", "epochs", "wanted", "alpha", "regularization", "steps"}. All three minimise the same:
  sum over observed pairs of c (1 - s)^2 + over all others of s^2 + regularization (|X|^2 + |Y|^2),   c = alpha * weight;
rusket and buffalo, whose confidence is 1 + alpha * value, are given values of c - 1 and an alpha of 1. `steps` are those of the
conjugate gradients in a half-step, of buffalo also "ialspp", its solver of blocks of coordinates. The time is that of implicit's and
rusket's fit with the matrix in memory, and of buffalo's initialize and train with its database opened.
"""
import json
import os
import sys

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = os.environ["RAYON_NUM_THREADS"] = "2"
import numpy as np
from dataset import Trace, read_pairs

_, peer, dataset, out, options = sys.argv
options = json.loads(options)
factors, epochs, steps = options["factors"], options["epochs"], options["steps"]
alpha, regularization = float(options["alpha"]), float(options["regularization"])
pairs = read_pairs(dataset)
trace = Trace(out, epochs, options["wanted"])


def implicit():
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors=factors, regularization=regularization, alpha=alpha, iterations=epochs, num_threads=2, random_state=7
    )
    model.cg_steps = steps
    trace.begin()
    model.fit(
        pairs,
        show_progress=False,
        callback=lambda epoch, *_: trace.epoch(epoch + 1, lambda: (model.user_factors, model.item_factors)),
    )


def rusket():
    from rusket import ALS

    pairs.data = alpha * pairs.data - 1
    for count in trace.counts():
        model = ALS(
            factors=factors, regularization=regularization, alpha=1.0, iterations=count, cg_iters=steps, seed=7, use_cuda=False
        )
        trace.begin()
        model.fit(pairs)
        trace.epoch(count, lambda: (model.user_factors, model.item_factors))


def buffalo():
    from buffalo import ALS, ALSOption
    from buffalo_data import buffalo_data

    pairs.data = alpha * pairs.data - 1
    options = ALSOption().get_default_option()
    options.update(
        d=factors, num_workers=2, num_iters=epochs, alpha=1.0, reg_u=regularization, reg_i=regularization, save_best=False,
        compute_loss_on_training=False, evaluation_on_learning=False, validation={}, random_seed=7,
        **({"optimizer": "ialspp"} if steps == "ialspp" else {"optimizer": "manual_cg", "num_cg_max_iters": steps}),
    )  # fmt: skip

    class Reporting(ALS):
        # Called once an epoch.
        def save_best_only(self, loss, best, epoch):
            trace.epoch(epoch + 1, lambda: (self.P, self.Q))
            return best

    with buffalo_data(pairs) as data:
        model = Reporting(options, data_opt=data)
        trace.begin()
        model.initialize()
        model.train()


{"implicit": implicit, "rusket": rusket, "buffalo": buffalo}[peer]()
