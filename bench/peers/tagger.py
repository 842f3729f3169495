#!/usr/bin/env python3
"""Speed of the tagger's network in TensorFlow: forward and backward with AdamW, and prediction.

    tagger.py BANDS FRAMES CHANNELS EMBEDDING CLASSES THREADS SECONDS

CHANNELS are separated by commas. Each batch size, with and without XLA, is measured for SECONDS after it was compiled; prints
{"task": "train" | "predict", "batch": ..., "xla": ..., "slicesPerSecond": ...} of each.
"""
import json
import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf

bands, frames = int(sys.argv[1]), int(sys.argv[2])
channels = [int(text) for text in sys.argv[3].split(",")]
embedding, classes, threads = int(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6])
seconds = float(sys.argv[7])
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(1)


def network():
    slices = tf.keras.Input((bands, frames, 1))
    x = slices
    for width in channels:
        x = tf.keras.layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = tf.keras.layers.BatchNormalization()(x)
        x = tf.keras.layers.ReLU()(x)
        x = tf.keras.layers.MaxPooling2D(2)(x)
    x = tf.keras.layers.Lambda(lambda x: tf.reduce_mean(x, axis=1))(x)
    x = tf.keras.layers.Lambda(lambda x: tf.reduce_mean(x, axis=1) + tf.reduce_max(x, axis=1))(x)
    x = tf.keras.layers.Dropout(0.3)(x)
    x = tf.keras.layers.Dense(embedding, activation="relu")(x)
    x = tf.keras.layers.Dropout(0.3)(x)
    return tf.keras.Model(slices, tf.keras.layers.Dense(classes)(x))


def rate(step, batch):
    step()
    step()
    begun, done = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        step()
        done += batch
    return done / (time.perf_counter() - begun)


random = np.random.default_rng(1)
for batch in [16, 32, 64]:
    slices = tf.constant(random.standard_normal((batch, bands, frames, 1)).astype(np.float32))
    labels = tf.constant(random.integers(0, classes, batch))
    for xla in [False, True]:
        model = network()
        optimizer = tf.keras.optimizers.AdamW(1e-3, weight_decay=0.05)

        @tf.function(jit_compile=xla)
        def train():
            with tf.GradientTape() as tape:
                logits = model(slices, training=True)
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            return loss

        @tf.function(jit_compile=xla)
        def predict():
            return tf.nn.softmax(model(slices, training=False))

        optimizer.build(model.trainable_variables)
        for task, step in [("train", train), ("predict", predict)]:
            speed = rate(lambda: step().numpy(), batch)
            print(json.dumps({"task": task, "batch": batch, "xla": xla, "slicesPerSecond": speed}), flush=True)
