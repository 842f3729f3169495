#!/usr/bin/env python3
"""gensim's word2vec on a text, a sequence a line with spaces between words; one JSON object.

    word2vec.py CORPUS FACTORS EPOCHS WINDOW NEGATIVES SUBSAMPLING POWER RATE MIN_COUNT [OUT]

Skip-gram with two workers, read from the file by each (corpus_file, its fastest way). Prints {"words", "reading", "seconds"}:
the words of the text, the seconds that the vocabulary took, and those of the training. OUT is a safetensors file with the
matrices "inputs" and "outputs", whose rows are the numbers that the words of CORPUS are.
"""
import sys
import time

import numpy as np
from dataset import print_line, write_tensors
from gensim.models import Word2Vec

corpus = sys.argv[1]
factors, epochs, window, negatives = map(int, sys.argv[2:6])
subsampling, power, rate = map(float, sys.argv[6:9])
model = Word2Vec(
    vector_size=factors,
    window=window,
    negative=negatives,
    sample=subsampling,
    ns_exponent=power,
    alpha=rate,
    min_alpha=rate * 1e-4,
    min_count=int(sys.argv[9]),
    sg=1,
    workers=2,
    seed=1,
)
begun = time.perf_counter()
model.build_vocab(corpus_file=corpus)
read = time.perf_counter()
model.train(
    corpus_file=corpus,
    total_examples=model.corpus_count,
    total_words=model.corpus_total_words,
    epochs=epochs,
)
ended = time.perf_counter()
if len(sys.argv) > 10:
    rows = np.array([int(word) for word in model.wv.index_to_key])
    tensors = {}
    for name, vectors in {"inputs": model.wv.vectors, "outputs": model.syn1neg}.items():
        tensors[name] = np.zeros((rows.max() + 1, factors), "<f4")
        tensors[name][rows] = vectors
    write_tensors(sys.argv[10], tensors)
print_line(words=model.corpus_total_words, reading=read - begun, seconds=ended - read)
