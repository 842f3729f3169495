/**
 * How many users a second the CTR model scores for one article, and learns from, on one thread: users, segments, hours
 * and recency at random, 11 features a row; and what it loses by clicks that come late.
 *
 * `--users N` (5,000,000), `--bits N` of the model (20), `--rounds N` (5), whose medians count.
 */
import { parseArgs } from 'node:util'
import { CtrModel, predictCtrs } from '../src/push/prefer/ctr/ctr-model.ts'
import { randomNumbers } from '../src/storage/random.ts'
import { sharedArray } from '../src/storage/shared-array.ts'
import { delayedClicks } from './push-ctr/delayed-clicks.ts'
import { atLeast, atMost, type Bench } from './support/bar.ts'
import { median } from './support/numbers.ts'
import { positiveInteger } from './support/options.ts'
import { printer } from './support/print.ts'

/** Rows that a round learns from. */
const learned = 100_000

export const run: Bench = async ({ json, rest }) => {
  const { values } = parseArgs({
    args: [...rest],
    options: {
      users: { type: 'string', default: '5000000' },
      bits: { type: 'string', default: '20' },
      rounds: { type: 'string', default: '5' },
    },
  })
  const users = positiveInteger('users', values.users)
  const rounds = positiveInteger('rounds', values.rounds)
  const print = printer(json)
  const random = randomNumbers(1)
  const column = (valueAt: (row: number) => number) => {
    const values = sharedArray(Uint32Array, users)
    for (let row = 0; row < users; row++) values[row] = valueAt(row)
    return values
  }
  const below = (end: number) => () => Math.floor(end * random())
  const columns = {
    ...{ user: column(row => row), segment: column(below(200)), recency: column(below(12)) },
    ...{ category: 3, hour: 20 },
  }
  const model = new CtrModel({ bits: positiveInteger('bits', values.bits) })
  const out = new Float32Array(users)
  const rates = { learn: [] as number[], predict: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    const begin = Math.floor(random() * Math.max(1, users - learned))
    const part = (values: Uint32Array) => values.subarray(begin, begin + learned)
    const rows = part(columns.user).length
    const sample = {
      ...columns,
      ...{ user: part(columns.user), segment: part(columns.segment), recency: part(columns.recency) },
    }
    const clicked = Uint8Array.from({ length: rows }, () => Number(random() < 0.02))
    const shares = new Float32Array(rows).fill(1)
    rates.learn.push(rows / secondsOf(() => model.learn({ rows, columns: sample }, { clicked, shares })))
    rates.predict.push(users / secondsOf(() => predictCtrs(model.shared, { rows: users, columns }, out)))
    print({ round, learned: rates.learn.at(-1)!, predicted: rates.predict.at(-1)! })
  }
  const { firstWeek, later } = delayedClicks(28, 1)
  print({ logLossAboveTruth: 'first week', ...firstWeek })
  print({ logLossAboveTruth: 'weeks 2 to 4', ...later })
  return [
    atMost(
      'log loss above the truth: learned as clicks come ÷ if all were known at once',
      later.corrected! / later.atOnce!,
      1.03,
    ),
    atLeast('… waiting a day ÷ learned as clicks come', later.dayLater! / later.corrected!, 1.02),
    atLeast('users a second scored for an article, 11 features, one thread', median(rates.predict), 5e6),
    atLeast('outcomes a second learned from, one thread', median(rates.learn), 2e5),
  ]
}

function secondsOf(work: () => void): number {
  const begun = performance.now()
  work()
  return (performance.now() - begun) / 1000
}
