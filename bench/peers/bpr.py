#!/usr/bin/env python3
"""BPR of implicit, rusket or buffalo on the pairs of an Aurochs dataset, two threads: epochs as dataset.Trace reports them.

    bpr.py implicit|rusket|buffalo DATASET OUT OPTIONS

OPTIONS is JSON: {"factors", "epochs", "wanted", "learningRate", "regularization", "popularityExponent"}, of which only buffalo has the
last. An epoch of each has as many samples as there are pairs; negatives are verified where the library can. Biases are a further column of the factors. The time is that of
implicit's and rusket's fit with the matrix in memory, and of buffalo's initialize and train with its database opened.
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
factors, epochs = options["factors"], options["epochs"]
power = options["popularityExponent"]
rate, regularization = float(options["learningRate"]), float(options["regularization"])
pairs = read_pairs(dataset)
trace = Trace(out, epochs, options["wanted"])


def implicit():
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    model = BayesianPersonalizedRanking(
        factors=factors, learning_rate=rate, regularization=regularization, iterations=epochs, num_threads=2, random_state=7
    )
    trace.begin()
    model.fit(
        pairs,
        show_progress=False,
        callback=lambda epoch, *_: trace.epoch(epoch + 1, lambda: (model.user_factors, model.item_factors)),
    )


def rusket():
    from rusket import BPR

    for count in trace.counts():
        model = BPR(
            factors=factors, learning_rate=rate, regularization=regularization, iterations=count, seed=7, use_cuda=False
        )
        trace.begin()
        model.fit(pairs)
        trace.epoch(count, lambda: (model.user_factors, model.item_factors))


def buffalo():
    from buffalo import BPRMF, BPRMFOption
    from buffalo_data import buffalo_data

    options = BPRMFOption().get_default_option()
    options.update(
        d=factors, num_workers=2, num_iters=epochs, lr=rate, save_best=False, random_seed=7, sampling_power=float(power),
        reg_u=regularization, reg_i=regularization, reg_j=regularization, reg_b=regularization,
        compute_loss_on_training=False, evaluation_on_learning=False, validation={},
    )  # fmt: skip

    class Reporting(BPRMF):
        # Called once an epoch.
        def save_best_only(self, loss, best, epoch):
            trace.epoch(epoch + 1, self.factors)
            return best

        def factors(self):
            return np.hstack([self.P, np.ones((len(self.P), 1), "f4")]), np.hstack([self.Q, self.Qb])

    with buffalo_data(pairs) as data:
        model = Reporting(options, data_opt=data)
        trace.begin()
        model.initialize()
        model.train()


{"implicit": implicit, "rusket": rusket, "buffalo": buffalo}[peer]()
