/**
 * Sound files to log-mel frames, beside librosa (with soxr's HQ for the rate) in the same run: how far frames are from its, of
 * the same samples at 16 kHz and of whole sounds, real ones and some that are made at rates from 8 to 192 kHz; how many seconds of
 * sound one core reads in a second, from each format; what reading hours takes in memory.
 *
 * `--data FOLDER` has the real sounds, by default those of esc10, `--sounds N` of which are compared (40). `--seconds N` of music
 * are read to measure speed (300), `--rounds N` times (5), of which the median counts. It is of processor seconds: one thread reads, and
 * what else a machine does takes less away from them. `--hours N` of silence are read for the memory (2).
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { melBands, melFloor } from '../src/music/audio/mel.ts'
import { melOfFileSync } from '../src/music/audio/mel-of-file.ts'
import { melSlices } from '../src/music/audio/mel-slices.ts'
import { peersPython, runPeer } from './peers/python.ts'
import { atLeast, atMost, type Bar, type Bench } from './support/bar.ts'
import { median, spread } from './support/numbers.ts'
import { positiveInteger } from './support/options.ts'
import { printer } from './support/print.ts'

const esc10 = join(import.meta.dirname, '../../shared/data/esc10')

/** What mel.py prints. */
interface Compared {
  readonly sound: string
  readonly samples: string
  readonly mel: string
}

/** What encode.py prints. */
interface Encoded {
  readonly file: string
  readonly format: string
}

interface Distances {
  /** The largest relative difference of power on the same samples, where it is above 1e-8 of the largest. */
  readonly relative: number
  /** Mean difference in dB of whole files. */
  readonly decibels: number
}

export const run: Bench = async ({ json, data, rest }) => {
  const { sounds, seconds, rounds, hours } = options(rest)
  const print = printer(json)
  const python = peersPython('main', ['librosa', 'soundfile', 'soxr', 'av'])
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-bench-audio-'))
  try {
    const distancesOf = async (names: readonly string[]) =>
      (await runPeer<Compared>(python, 'mel.py', [folder, ...names])).map(compared => {
        const distances = distancesTo(compared)
        print({ sound: compared.sound.split('/').at(-1), ...distances })
        return distances
      })
    const made = await distancesOf(['made'])
    const real = await distancesOf(someSounds(data ?? esc10, sounds))
    const speeds = new Map<string, number>()
    const shares: number[] = []
    for (const { file, format } of await runPeer<Encoded>(python, 'encode.py', [folder, String(seconds)])) {
      const speed = median(Array.from({ length: rounds }, () => speedOf(file)))
      speeds.set(format, speed)
      const share = shareOfCut(file)
      shares.push(share)
      const unlike = largestDifference(file, seconds)
      print({ format, timesRealTime: Math.round(speed), shareReadOfHalfAFile: share, partsUnlikeTheWhole: unlike })
    }
    return [
      atMost(
        'largest relative difference of mel power to librosa, of the same samples at 16 kHz, above 1e-8 of the largest power',
        Math.max(...[...made, ...real].map(({ relative }) => relative)),
        1e-3,
      ),
      ...decibelBars({ made, real }),
      atLeast('seconds of a 44.1 kHz stereo MP3 to log-mel in a second of one core', speeds.get('mp3')!, 400),
      atLeast('share that is read of two MP3s in one file', shareOfJoined(folder, seconds), 0.99),
      atLeast(
        'share of the sound that is read of a file cut in half, the least of all formats',
        Math.min(...shares),
        0.45,
      ),
      atMost(`MiB more in memory after ${hours} hours of wav, in slices`, await growthOver(folder, hours), 64),
    ]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function decibelBars(distances: Readonly<Record<string, readonly Distances[]>>): Bar[] {
  return Object.entries(distances).map(([kind, of]) => {
    const mean = of.reduce((sum, { decibels }) => sum + decibels, 0) / of.length
    return atMost(`mean dB from librosa after its resampling (soxr_hq), ${of.length} ${kind} sounds`, mean, 0.01)
  })
}

function distancesTo({ sound, samples, mel }: Compared): Distances {
  const bytes = readFileSync(mel)
  const expected = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  const same = melOfFileSync(samples, { scale: 'power' }).values
  const whole = melOfFileSync(sound, { scale: 'power' }).values
  if (same.length !== expected.length || whole.length !== expected.length) {
    throw new Error(`${sound} has ${whole.length / melBands} frames, with librosa ${expected.length / melBands}`)
  }
  const least = expected.reduce((most, power) => Math.max(most, power), 0) * 1e-8
  let [relative, sum] = [0, 0]
  expected.forEach((power, at) => {
    if (power > least) relative = Math.max(relative, Math.abs(same[at]! - power) / power)
    sum += Math.abs(decibels(whole[at]!) - decibels(power))
  })
  return { relative, decibels: sum / expected.length }
}

function decibels(power: number): number {
  return 10 * Math.log10(Math.max(power, melFloor))
}

/** Sounds of `folder`, evenly spread. */
function someSounds(folder: string, count: number): string[] {
  const names = readdirSync(folder)
    .filter(name => /\.(wav|flac|ogg|mp3)$/i.test(name))
    .sort()
  if (names.length === 0) throw new Error(`${folder} has no sound files: name another folder by --data`)
  return spread(names.length, count).map(at => join(folder, names[at]!))
}

/** Seconds of sound in a second of the processor. */
function speedOf(file: string): number {
  const before = process.cpuUsage()
  const { decoded } = melOfFileSync(file)
  const { user, system } = process.cpuUsage(before)
  return (decoded.seconds * 1e6) / (user + system)
}

/** Seconds that are read of the first half of a file, to those of the whole. */
function shareOfCut(file: string): number {
  const cut = `${file}.cut`
  writeFileSync(cut, readFileSync(file).subarray(0, statSync(file).size / 2))
  return melOfFileSync(cut).decoded.seconds / melOfFileSync(file).decoded.seconds
}

/** Seconds that are read of two MP3s, one behind the other, to those that they have: the header of the first says half. */
function shareOfJoined(folder: string, seconds: number): number {
  const [one, joined] = [readFileSync(join(folder, 'music.mp3')), join(folder, 'joined.mp3')]
  writeFileSync(joined, Buffer.concat([one, one]))
  return melOfFileSync(joined).decoded.seconds / (2 * seconds)
}

/** The largest difference of a value between parts of a file and the whole. */
function largestDifference(file: string, seconds: number): number {
  const whole = melOfFileSync(file)
  let most = 0
  for (const from of [0, 0.1, seconds / 3, seconds / 2, seconds - 1]) {
    const part = melOfFileSync(file, { from, to: from + 2 })
    part.values.forEach((value, at) => {
      most = Math.max(most, Math.abs(value - whole.values[part.first * melBands + at]!))
    })
  }
  return most
}

/** MiB that the process grows by while it reads so many hours of wav, 44.1 kHz and stereo, of which the file has only the beginning. */
async function growthOver(folder: string, hours: number): Promise<number> {
  const path = join(folder, 'hours.wav')
  const beginning = readFileSync(join(folder, 'music.wav')).subarray(0, 4_000_000)
  const file = await open(path, 'w')
  await file.write(beginning)
  await file.truncate(44 + hours * 3600 * 44_100 * 4)
  // Of a recording that was interrupted: its length is that of the file.
  await file.write(Buffer.alloc(4), 0, 4, 40)
  await file.write(Buffer.alloc(4), 0, 4, 4)
  await file.close()
  let [before, most, frames] = [0, 0, 0]
  for await (const slice of melSlices(path, { frames: 1250 })) {
    frames += slice.frames
    const { rss } = process.memoryUsage()
    // After the first minutes, by when what every reading takes is there.
    if (frames < 20_000) before = rss
    most = Math.max(most, rss - before)
  }
  if (frames < hours * 3600 * 62.5) throw new Error(`${frames} frames of ${statSync(path).size} bytes`)
  return most / 2 ** 20
}

function options(args: readonly string[]): { sounds: number; seconds: number; rounds: number; hours: number } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      sounds: { type: 'string', default: '40' },
      seconds: { type: 'string', default: '300' },
      rounds: { type: 'string', default: '5' },
      hours: { type: 'string', default: '2' },
    },
  })
  return {
    sounds: positiveInteger('sounds', values.sounds),
    seconds: positiveInteger('seconds', values.seconds),
    rounds: positiveInteger('rounds', values.rounds),
    hours: positiveInteger('hours', values.hours),
  }
}
