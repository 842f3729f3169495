/**
 * A tagger of sounds, from scratch: accuracy over the five folds of esc10, the time of all of them, sounds a second at prediction, and the speed of
 * the network beside the same in TensorFlow on as many threads.
 *
 * Each fold is predicted by a tagger that was trained on the other four for all epochs: none of it chose an epoch or an option. The options are
 * the defaults, which were chosen by trainings on three folds that were measured on a fourth.
 *
 * `--data FOLDER` has the sounds and labels.csv (file, label, fold). `--folds N` takes the first ones only (5), `--threads N` workers (2),
 * `--seconds N` is how long each speed is measured (10), `--seed N` is of the trainings (1); `--only accuracy` and `--only speed` leave the
 * other out.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { analyseFiles } from '../src/music/tagger/analysis/analyse.ts'
import { measurePredictions, type TaggerMeasure } from '../src/music/tagger/training/measure.ts'
import { trainTagger } from '../src/music/tagger/training/train.ts'
import { Pool } from '../src/parallel/pool.ts'
import { peersPython, runPeer } from './peers/python.ts'
import { atLeast, atMost, type Bar, type Bench } from './support/bar.ts'
import { positiveInteger } from './support/options.ts'
import { printer } from './support/print.ts'
import { networkSpeeds } from './tagger/network-speeds.ts'

const esc10 = join(import.meta.dirname, '../../shared/data/esc10')

interface Clip {
  readonly file: string
  readonly label: string
  readonly fold: string
}

/** What tagger.py prints. */
interface PeerSpeed {
  readonly task: 'train' | 'predict'
  readonly batch: number
  readonly xla: boolean
  readonly slicesPerSecond: number
}

export const run: Bench = async ({ json, data, rest }) => {
  const { folds, threads, seconds, seed, only } = options(rest)
  const print = printer(json)
  const pool = new Pool({ threads })
  const work = mkdtempSync(join(tmpdir(), 'aurochs-bench-tagger-'))
  try {
    const accuracy = only === 'speed' ? [] : await accuracyBars(data ?? esc10, { folds, seed, pool, work, print })
    const speed = only === 'accuracy' ? [] : await speedBars({ threads, seconds, pool, print })
    return [...accuracy, ...speed]
  } finally {
    rmSync(work, { recursive: true })
    await pool.close()
  }
}

interface Accuracy {
  readonly folds: number
  readonly seed: number
  readonly pool: Pool
  /** A folder for taggers. */
  readonly work: string
  readonly print: (line: object) => void
}

/** Trains on all folds but one, and predicts that, for each of the first `folds`. */
async function accuracyBars(folder: string, { folds, seed, pool, work, print }: Accuracy): Promise<Bar[]> {
  const clips = clipsOf(folder)
  const labels = [...new Set(clips.map(({ label }) => label))].sort()
  const names = [...new Set(clips.map(({ fold }) => fold))].sort().slice(0, folds)
  const begun = performance.now()
  let [analysing, analysed] = [0, 0]
  const measures: TaggerMeasure[] = []
  for (const name of names) {
    const directory = join(work, name)
    const held = clips.filter(({ fold }) => fold === name)
    const training = clips.filter(({ fold }) => fold !== name).map(({ file, label }) => ({ file, labels: [label] }))
    await trainTagger({ clips: training, labels, kind: 'single' }, directory, { seed }, { pool, validation: 0 })
    const from = performance.now()
    const probabilities: number[] = []
    const files = held.map(({ file }) => file)
    for await (const analysis of analyseFiles(directory, files, { pool })) {
      if ('fault' in analysis) throw new Error(analysis.fault)
      probabilities.push(...analysis.probabilities)
    }
    analysing += performance.now() - from
    analysed += held.length
    const targets = Float32Array.from(held.flatMap(({ label }) => labels.map(other => (other === label ? 1 : 0))))
    const measure = measurePredictions(Float32Array.from(probabilities), targets, labels, 'single')
    measures.push(measure)
    const { accuracy, loss } = measure
    print({ fold: name, accuracy, loss, seconds: (performance.now() - begun) / 1000 })
  }
  const minutes = (performance.now() - begun) / 60_000
  const mean = (of: (measure: TaggerMeasure) => number) =>
    measures.reduce((sum, measure) => sum + of(measure), 0) / measures.length
  labels.forEach((label, at) => {
    print({ label, recall: mean(({ labels }) => labels[at]!.recall) })
  })
  const accuracy = mean(({ accuracy = 0 }) => accuracy)
  return [
    atLeast(`mean accuracy over ${names.length} folds, from scratch`, accuracy, 0.81),
    atLeast('the same, the aim', accuracy, 0.88),
    atMost('minutes for all folds', minutes, 40),
    atLeast('sounds of 5 s a second, from file to labels', analysed / (analysing / 1000), 50),
  ]
}

interface Speed {
  readonly threads: number
  readonly seconds: number
  readonly pool: Pool
  readonly print: (line: object) => void
}

/** The network beside the same in TensorFlow, at the best of its batch sizes. */
async function speedBars({ threads, seconds, pool, print }: Speed): Promise<Bar[]> {
  const python = peersPython('main', ['tensorflow'])
  const shape = { bands: 96, frames: 128, channels: [32, 64, 128, 256], embedding: 256, classes: 10, labels: 'single' }
  const ours = await networkSpeeds(shape, pool, seconds)
  print({ engine: 'aurochs', ...ours })
  const sizes = [shape.bands, shape.frames, shape.channels, shape.embedding, shape.classes, threads, seconds]
  const peer = await runPeer<PeerSpeed>(python, 'tagger.py', sizes.map(String))
  for (const speed of peer) print({ engine: 'tensorflow', ...speed })
  const best = (task: PeerSpeed['task']) =>
    Math.max(...peer.filter(speed => speed.task === task).map(({ slicesPerSecond }) => slicesPerSecond))
  return [
    atLeast('slices a second in training, to TensorFlow at its best', ours.train / best('train'), 0.8),
    atLeast('the same, the aim', ours.train / best('train'), 1.2),
    atLeast('slices a second in prediction, to TensorFlow at its best', ours.predict / best('predict'), 0.8),
  ]
}

function clipsOf(folder: string): Clip[] {
  const [, ...lines] = readFileSync(join(folder, 'labels.csv'), 'utf8').trim().split('\n')
  return lines.map(line => {
    const [file = '', label = '', fold = ''] = line.split(',')
    return { file: join(folder, file), label, fold }
  })
}

function options(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      folds: { type: 'string', default: '5' },
      threads: { type: 'string', default: '2' },
      seconds: { type: 'string', default: '10' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
    },
  })
  const { only } = values
  if (only !== undefined && only !== 'accuracy' && only !== 'speed') {
    throw new TypeError(`--only expects accuracy or speed, got ${only}`)
  }
  return {
    folds: positiveInteger('folds', values.folds),
    threads: positiveInteger('threads', values.threads),
    seconds: positiveInteger('seconds', values.seconds),
    seed: positiveInteger('seed', values.seed),
    only,
  }
}
