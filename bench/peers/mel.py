#!/usr/bin/env python3
"""Mel power of sounds with librosa, after soxr's HQ.

    mel.py FOLDER SOUND...

Of each SOUND it writes to FOLDER the samples at 16 kHz, as a wav file of floats, and their mel power (frames x 96, float32), and
prints {"sound": SOUND, "samples": that file, "mel": that file}. The SOUND `made` stands for sounds that it makes itself, each at a
rate of its own: sweeps and noise, written to FOLDER and printed as others are.
"""
import json
import sys
from pathlib import Path

import librosa
import numpy as np
import soundfile

RATE = 16000
MADE_RATES = [8000, 11025, 16000, 22050, 32000, 44100, 48000, 88200, 96000, 192000]
MADE_SECONDS = 8


def made(folder):
    for rate in MADE_RATES:
        time = np.arange(rate * MADE_SECONDS) / rate
        random = np.random.default_rng(rate)
        # From 50 Hz to half of the rate, by octaves; another that passes it; noise whose height comes and goes.
        octaves = np.log2(rate / 2 / 50)
        sweep = np.sin(2 * np.pi * 50 * MADE_SECONDS / octaves / np.log(2) * (2 ** (octaves * time / MADE_SECONDS) - 1))
        tone = np.sin(2 * np.pi * 997 * time)
        noise = random.standard_normal(len(time)) * (1 + np.sin(2 * np.pi * 0.7 * time)) / 2
        path = folder / f"made-{rate}.wav"
        soundfile.write(path, (0.3 * sweep + 0.1 * tone + 0.05 * noise).astype(np.float32), rate, subtype="FLOAT")
        yield path


folder = Path(sys.argv[1])
sounds = [sound for name in sys.argv[2:] for sound in (made(folder) if name == "made" else [Path(name)])]
for number, sound in enumerate(sounds):
    samples, rate = soundfile.read(sound, dtype="float32", always_2d=True)
    samples = librosa.resample(samples.mean(axis=1), orig_sr=rate, target_sr=RATE, res_type="soxr_hq")
    power = librosa.feature.melspectrogram(
        y=samples, sr=RATE, n_fft=512, hop_length=256, n_mels=96, fmax=RATE / 2, power=2.0, center=True, pad_mode="constant"
    )
    resampled, mel = folder / f"{number}.wav", folder / f"{number}.mel"
    soundfile.write(resampled, samples, RATE, subtype="FLOAT")
    power.T.astype("<f4").tofile(mel)
    print(json.dumps({"sound": str(sound), "samples": str(resampled), "mel": str(mel)}), flush=True)
