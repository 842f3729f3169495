/**
 * A tagger of sounds, from scratch: accuracy over the five folds of esc10, the time of all of them, sounds a second at prediction, and the speed of
 * the network beside the same in TensorFlow on as many threads.
 *
 * Each fold is predicted by a tagger that was trained on the other four for all epochs: none of it chose an epoch or an option. The options are
 * those of `esc10Options`, which were chosen by trainings on three folds that were measured on a fourth.
 *
 * `--data FOLDER` has the sounds and labels.csv (file, label, fold). `--folds N` takes the first ones only (5), `--threads N` workers (2),
 * `--seconds N` is how long each speed is measured (10), `--seed N` is of the trainings (1).
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { analyseFiles } from '../src/music/tagger/analyse.ts'
import { measurePredictions, type TaggerMeasure } from '../src/music/tagger/measure.ts'
import type { TaggerOptions } from '../src/music/tagger/options.ts'
import { trainTagger } from '../src/music/tagger/train.ts'
import { Pool } from '../src/parallel/pool.ts'
import { peersPython, runPeer } from './peers/python.ts'
import { atLeast, atMost, type Bench } from './support/bar.ts'
import { positiveInteger } from './support/options.ts'
import { printer } from './support/print.ts'
import { networkSpeeds } from './tagger/network-speeds.ts'

const esc10 = join(import.meta.dirname, '../../shared/data/esc10')

const esc10Options: Partial<TaggerOptions> = {}

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
  const { folds, threads, seconds, seed } = options(rest)
  const print = printer(json)
  const python = peersPython('main', ['tensorflow'])
  const pool = new Pool({ threads })
  const work = mkdtempSync(join(tmpdir(), 'aurochs-bench-tagger-'))
  try {
    const clips = clipsOf(data ?? esc10)
    const labels = [...new Set(clips.map(({ label }) => label))].sort()
    const names = [...new Set(clips.map(({ fold }) => fold))].sort().slice(0, folds)
    const begun = performance.now()
    let [analysing, analysed] = [0, 0]
    const measures: TaggerMeasure[] = []
    for (const name of names) {
      const directory = join(work, name)
      const training = clips.filter(({ fold }) => fold !== name)
      const held = clips.filter(({ fold }) => fold === name)
      const labelled = training.map(({ file, label }) => ({ file, labels: [label] }))
      await trainTagger(
        { clips: labelled, labels, kind: 'single' },
        directory,
        { ...esc10Options, seed },
        { pool, validation: 0 },
      )
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
      print({ fold: name, accuracy: measure.accuracy, loss: measure.loss, seconds: (performance.now() - begun) / 1000 })
    }
    const minutes = (performance.now() - begun) / 60_000
    const accuracies = measures.map(({ accuracy = 0 }) => accuracy)
    const accuracy = accuracies.reduce((sum, value) => sum + value, 0) / accuracies.length
    labels.forEach((label, at) => {
      const recall = measures.reduce((sum, { labels }) => sum + labels[at]!.recall, 0) / measures.length
      print({ label, recall })
    })

    const shape = {
      bands: 96,
      frames: 128,
      channels: [32, 64, 128, 256],
      embedding: 256,
      classes: 10,
      labels: 'single',
    }
    const ours = await networkSpeeds(shape, pool, seconds)
    print({ engine: 'aurochs', ...ours })
    const sizes = [shape.bands, shape.frames, shape.channels, shape.embedding, shape.classes, threads, seconds]
    const peer = await runPeer<PeerSpeed>(python, 'tagger.py', sizes.map(String))
    for (const speed of peer) print({ engine: 'tensorflow', ...speed })
    const best = (task: PeerSpeed['task']) =>
      Math.max(...peer.filter(speed => speed.task === task).map(({ slicesPerSecond }) => slicesPerSecond))
    return [
      atLeast(`mean accuracy over ${names.length} folds, from scratch`, accuracy, 0.81),
      atLeast(`the same, the aim`, accuracy, 0.88),
      atMost('minutes for all folds', minutes, 40),
      atLeast('sounds of 5 s a second, from file to labels', analysed / (analysing / 1000), 50),
      atLeast('slices a second in training, to TensorFlow at its best', ours.train / best('train'), 0.8),
      atLeast('the same, the aim', ours.train / best('train'), 1.2),
      atLeast('slices a second in prediction, to TensorFlow at its best', ours.predict / best('predict'), 0.8),
    ]
  } finally {
    rmSync(work, { recursive: true })
    await pool.close()
  }
}

function clipsOf(folder: string): Clip[] {
  const [, ...lines] = readFileSync(join(folder, 'labels.csv'), 'utf8').trim().split('\n')
  return lines.map(line => {
    const [file = '', label = '', fold = ''] = line.split(',')
    return { file: join(folder, file), label, fold }
  })
}

function options(args: readonly string[]): { folds: number; threads: number; seconds: number; seed: number } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      folds: { type: 'string', default: '5' },
      threads: { type: 'string', default: '2' },
      seconds: { type: 'string', default: '10' },
      seed: { type: 'string', default: '1' },
    },
  })
  return {
    folds: positiveInteger('folds', values.folds),
    threads: positiveInteger('threads', values.threads),
    seconds: positiveInteger('seconds', values.seconds),
    seed: positiveInteger('seed', values.seed),
  }
}
