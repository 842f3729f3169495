/**
 * Gradient-boosted trees beside LightGBM's in the same run, with the same trees, leaves and learning rate, on made-up
 * rows: of `--rows 80000` to learn from and 20,000 to be judged by, `--features 200`. A tenth of the features say
 * something, alone, in pairs, or by being missing; of the others some are like these, most are noise. Area under the
 * ROC curve and log loss of the judged rows; seconds to train, from values in memory to trees, and to predict. Where
 * the machine does other things, too, threads that wait for each other lose by it in both: the processor seconds say
 * more then.
 *
 * `--trees 100`, `--leaves 31`, `--rate 0.1`, `--threads 2` of each, `--rounds 3` of each in turn, whose medians count.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Pool } from '../src/parallel/pool.ts'
import { type BoostingData, trainEnsemble } from '../src/push/boosting/ensemble.ts'
import { randomNumbers } from '../src/storage/random.ts'
import { mappedTensor, openSafetensors, vector, writeSafetensors } from '../src/storage/safetensors.ts'
import { sharedArray } from '../src/storage/shared-array.ts'
import { peersPython, runPeer } from './peers/python.ts'
import { atLeast, atMost, type Bench } from './support/bar.ts'
import { median } from './support/numbers.ts'
import { positiveInteger, positiveNumber } from './support/options.ts'
import { printer } from './support/print.ts'

const judgedRows = 20_000

/** What boosting.py prints. */
interface Peer {
  readonly train: number
  /** Processor seconds of it: what a machine that does other things, too, takes away least from. */
  readonly trainProcessor: number
  readonly predict: number
}

type Seconds = { readonly [Name in keyof Peer]: number[] }

export const run: Bench = async ({ json, rest }) => {
  const { rows, features, trees, leaves, rate, threads, rounds } = options(rest)
  const print = printer(json)
  const python = peersPython('main', ['lightgbm', 'numpy'])
  const folder = await mkdtemp(join(tmpdir(), 'aurochs-boosting-'))
  const pool = new Pool({ threads })
  try {
    const learned = made(rows, features, 1)
    const judged = made(judgedRows, features, 2)
    const judgedValues = byRow(judged)
    const file = join(folder, 'data.safetensors')
    await writeSafetensors(file, {
      rows: { data: byRow(learned), shape: [rows, features] },
      labels: vector(learned.labels),
      judged: { data: judgedValues, shape: [judgedRows, features] },
    })
    const settings = { trees, leaves, learningRate: rate, minimumRows: 20, l2: 1 }
    const seconds: Seconds = { train: [], trainProcessor: [], predict: [] }
    const peerSeconds: Seconds = { train: [], trainProcessor: [], predict: [] }
    let ours = new Float64Array()
    for (let round = 0; round < rounds; round++) {
      const processor = process.cpuUsage()
      let begun = performance.now()
      const ensemble = await trainEnsemble(learned, { ...settings, columnShare: 1 }, { pool })
      seconds.train.push((performance.now() - begun) / 1000)
      const { user, system } = process.cpuUsage(processor)
      seconds.trainProcessor.push((user + system) / 1e6)
      begun = performance.now()
      ours = ensemble.predict(judgedValues) as Float64Array<ArrayBuffer>
      seconds.predict.push((performance.now() - begun) / 1000)
      const out = join(folder, `predictions-${round}.safetensors`)
      const [peer] = await runPeer<Peer>(python, 'boosting.py', [file, out, JSON.stringify({ ...settings, threads })])
      for (const name of ['train', 'trainProcessor', 'predict'] as const) peerSeconds[name].push(peer![name])
      print({ round, train: seconds.train[round], peerTrain: peer!.train })
    }
    const found = openSafetensors(join(folder, 'predictions-0.safetensors'))
    const theirs = Float64Array.from(mappedTensor(found, 'predictions', Float32Array).data)
    found.close()
    const figures = (predictions: Float64Array, { train, trainProcessor, predict }: Seconds) => ({
      auc: areaUnderCurve(judged.labels, predictions),
      logLoss: logLoss(judged.labels, predictions),
      trainSeconds: median(train),
      trainProcessorSeconds: median(trainProcessor),
      predictSeconds: median(predict),
    })
    const [own, peer] = [figures(ours, seconds), figures(theirs, peerSeconds)]
    print({ ours: 'aurochs', ...own })
    print({ peer: 'lightgbm', ...peer })
    return [
      atLeast('AUC beside that of lightgbm', own.auc - peer.auc, -0.005),
      atMost('log loss, times that of lightgbm', own.logLoss / peer.logLoss, 1.01),
      atMost('seconds of training, times those of lightgbm', own.trainSeconds / peer.trainSeconds, 1.5),
      atMost(
        'processor seconds of training, times those of lightgbm',
        own.trainProcessorSeconds / peer.trainProcessorSeconds,
        1.5,
      ),
    ]
  } finally {
    await pool.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Rows whose labels depend on the first features, which `seed` does not change. */
function made(rows: number, features: number, seed: number): BoostingData {
  const random = randomNumbers(seed)
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const columns = sharedArray(Float32Array, features * rows)
  const labels = sharedArray(Float32Array, rows)
  const informative = Math.max(4, Math.floor(features / 10))
  for (let row = 0; row < rows; row++) {
    const value = (feature: number) => columns[feature * rows + row]!
    for (let feature = 0; feature < features; feature++) {
      const copied = feature >= informative && feature < 2 * informative
      const drawn = copied ? 0.5 * value(feature - informative) + normal() : normal()
      // Some are whole numbers or flags, as counts and words are.
      columns[feature * rows + row] = feature % 5 === 3 ? Math.round(drawn) : feature % 5 === 4 ? +(drawn > 1) : drawn
    }
    let score = -0.5
    for (let feature = 0; feature < informative; feature++) score += (0.6 * value(feature)) / (1 + feature / 4)
    score += 0.8 * value(0) * value(1) + (value(2) > 0.5 ? 0.9 : -0.3) * Math.sign(value(5 % informative))
    score += Math.sin(2 * value(1))
    // What is missing says something.
    if (random() < 0.1 + 0.2 * +(score > 0)) columns[(features - 1) * rows + row] = Number.NaN
    labels[row] = +(random() < 1 / (1 + Math.exp(-0.7 * score)))
  }
  return { columns, labels }
}

function byRow({ columns, labels }: BoostingData): Float32Array {
  const rows = labels.length
  const features = columns.length / rows
  const values = new Float32Array(columns.length)
  for (let feature = 0; feature < features; feature++) {
    for (let row = 0; row < rows; row++) values[row * features + feature] = columns[feature * rows + row]!
  }
  return values
}

/** How often a row with the label 1 has the larger prediction of two; equal ones count half. */
function areaUnderCurve(labels: Float32Array, predictions: Float64Array): number {
  const order = Array.from(labels.keys()).sort((a, b) => predictions[a]! - predictions[b]!)
  let [ranks, positive] = [0, 0]
  for (let begin = 0, end = 0; begin < order.length; begin = end) {
    while (end < order.length && predictions[order[end]!] === predictions[order[begin]!]) end++
    for (const row of order.slice(begin, end)) {
      if (labels[row] !== 1) continue
      ranks += (begin + 1 + end) / 2
      positive++
    }
  }
  return (ranks - (positive * (positive + 1)) / 2) / (positive * (labels.length - positive))
}

function logLoss(labels: Float32Array, predictions: Float64Array): number {
  const losses = predictions.map((p, row) => -Math.log(Math.max(labels[row] === 1 ? p : 1 - p, 1e-15)))
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length
}

function options(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: 'string', default: '80000' },
      features: { type: 'string', default: '200' },
      trees: { type: 'string', default: '100' },
      leaves: { type: 'string', default: '31' },
      rate: { type: 'string', default: '0.1' },
      threads: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '3' },
    },
  })
  const whole = (name: 'rows' | 'features' | 'trees' | 'leaves' | 'threads' | 'rounds') =>
    positiveInteger(name, values[name])
  return {
    rows: whole('rows'),
    features: whole('features'),
    trees: whole('trees'),
    leaves: whole('leaves'),
    rate: positiveNumber('rate', values.rate),
    threads: whole('threads'),
    rounds: whole('rounds'),
  }
}
