#!/usr/bin/env python3
"""Writes one piece of made-up music, 44.1 kHz and stereo, in each format.

    encode.py FOLDER SECONDS

Prints {"file": its path, "format": what it is} for each: wav and flac of 16 bits, mp3 of 192 kbit/s, ogg with Vorbis, m4a with AAC
of 128 kbit/s and with ALAC.
"""
import json
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile

RATE = 44100
CHUNK = 1024


def music(seconds):
    """Chords of decaying tones with overtones, a beat of noise; the channels are not the same."""
    random = np.random.default_rng(7)
    samples = np.zeros((RATE * seconds, 2))
    note = np.arange(RATE) / RATE
    for beat in range(seconds * 2):
        start = beat * RATE // 2
        room = min(RATE, len(samples) - start)
        for key in random.integers(36, 84, 4):
            hertz = 440 * 2 ** ((key - 69) / 12)
            tone = sum(np.sin(2 * np.pi * hertz * overtone * note) / overtone for overtone in range(1, 6))
            tone *= np.exp(-3 * note) * 0.08
            side = random.random()
            samples[start : start + room, 0] += side * tone[:room]
            samples[start : start + room, 1] += (1 - side) * tone[:room]
        hit = random.standard_normal((RATE // 8, 2)) * np.exp(-40 * note[: RATE // 8, None]) * 0.1
        samples[start : start + RATE // 8] += hit[: len(samples) - start]
    return (samples.clip(-1, 1) * 32767).astype(np.int16)


def encode(path, codec, container, bit_rate=None):
    # The index of an m4a file before its sound, so that it has one when it is cut off.
    options = {"movflags": "faststart"} if container == "ipod" else {}
    with av.open(str(path), "w", format=container, options=options) as file:
        stream = file.add_stream(codec, rate=RATE)
        stream.layout = "stereo"
        if bit_rate:
            stream.bit_rate = bit_rate
        resampler = av.AudioResampler(format=stream.codec_context.format.name, layout="stereo", rate=RATE)
        for start in range(0, len(pcm), CHUNK):
            chunk = np.ascontiguousarray(pcm[start : start + CHUNK].reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(chunk, format="s16", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            for converted in resampler.resample(frame):
                file.mux(stream.encode(converted))
        for converted in resampler.resample(None):
            file.mux(stream.encode(converted))
        file.mux(stream.encode(None))


def vorbis(path):
    # In pieces: libsndfile overflows its stack by long ones.
    with soundfile.SoundFile(path, "w", RATE, 2, subtype="VORBIS", format="OGG") as file:
        for start in range(0, len(pcm), RATE):
            file.write(pcm[start : start + RATE])


folder, pcm = Path(sys.argv[1]), music(int(sys.argv[2]))
kinds = {
    "wav": lambda path: soundfile.write(path, pcm, RATE),
    "flac": lambda path: soundfile.write(path, pcm, RATE),
    "mp3": lambda path: encode(path, "libmp3lame", "mp3", 192000),
    "vorbis.ogg": vorbis,
    "aac.m4a": lambda path: encode(path, "aac", "ipod", 128000),
    "alac.m4a": lambda path: encode(path, "alac", "ipod"),
}


for kind, write in kinds.items():
    path = folder / f"music.{kind}"
    write(path)
    print(json.dumps({"file": str(path), "format": kind}), flush=True)
