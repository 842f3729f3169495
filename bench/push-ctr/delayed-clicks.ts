/**
 * What the CTR model loses by clicks that come late, in a seeded world whose likes move from day to day: against one that knows at once who
 * will click, one that learns from each hour's sends as their click delay passes, and one that waits for a day.
 */
import { CtrModel, type CtrRows } from '../../src/push/prefer/ctr/ctr-model.ts'
import { ClickDelay, type DelayCurve } from '../../src/push/statistics/click-delay.ts'
import { drawNormal } from '../../src/push/statistics/distributions.ts'
import { randomNumbers } from '../../src/storage/random.ts'

const [users, segments, categories] = [100_000, 20, 10]
/** Sends of an hour, and how far ln CTR of a segment and a category moves in a day. */
const [sends, dailyMove] = [600, 0.15]
/** As `SendResponses` has it. */
const leastStep = 0.2
const dayOfMinutes = 1440

interface Round {
  readonly rows: CtrRows
  readonly truths: Float64Array
  readonly willClick: Uint8Array
  /** Minutes since the begin. */
  readonly at: number
  readonly clickedAt: Float64Array
}

/** Learns what is known of rounds by a time. */
interface Learner {
  readonly model: CtrModel
  learn(rounds: readonly Round[], now: number): void
}

export interface DelayedClicks {
  /** Log loss of a send above that of the truth, by learner: of the first week, and of the weeks after. */
  readonly firstWeek: Readonly<Record<string, number>>
  readonly later: Readonly<Record<string, number>>
}

export function delayedClicks(days: number, seed: number): DelayedClicks {
  const random = randomNumbers(seed)
  const likes = Float64Array.from({ length: segments * categories }, () => 0.6 * drawNormal(random))
  const learners: Record<string, Learner> = { atOnce: atOnce(), corrected: corrected(), dayLater: dayLater() }
  const losses = { firstWeek: {} as Record<string, number>, later: {} as Record<string, number> }
  const rounds: Round[] = []
  const hours = days * 24
  for (let hour = 0; hour < hours; hour++) {
    if (hour % 24 === 0) for (const at of likes.keys()) likes[at]! += dailyMove * drawNormal(random)
    const round = roundOf(likes, hour, random)
    const week = hour < 7 * 24 ? losses.firstWeek : losses.later
    const ofWeek = hour < 7 * 24 ? Math.min(hours, 7 * 24) : hours - 7 * 24
    for (const [name, { model, learn }] of Object.entries(learners)) {
      const excess = lossOf(model.predict(round.rows), round.truths) / ofWeek
      week[name] = (week[name] ?? 0) + excess
      learn([...rounds, round], (hour + 1) * 60)
    }
    rounds.push(round)
    if (rounds.length > 25) rounds.shift()
  }
  return losses
}

function roundOf(likes: Float64Array, hour: number, random: () => number): Round {
  const column = (end: number) => Uint32Array.from({ length: sends }, () => Math.floor(end * random()))
  const user = column(users)
  const segment = user.map(each => each % segments)
  const [category, recency] = [column(categories), column(12)]
  const truths = Float64Array.from(user, (_, row) => {
    return 1 / (1 + Math.exp(3.5 - likes[segment[row]! * categories + category[row]!]! + 0.05 * recency[row]!))
  })
  const willClick = Uint8Array.from(truths, p => Number(random() < p))
  const at = hour * 60
  // Half within half an hour, and some the next morning: log-normal.
  const clickedAt = Float64Array.from(willClick, each =>
    each === 1 ? at + 30 * Math.exp(1.3 * drawNormal(random)) : Number.POSITIVE_INFINITY,
  )
  return {
    rows: { rows: sends, columns: { user, segment, category, hour: hour % 24, recency } },
    truths,
    willClick,
    at,
    clickedAt,
  }
}

function atOnce(): Learner {
  const model = new CtrModel({ bits: 18 })
  return {
    model,
    learn: rounds => {
      const { rows, willClick } = rounds.at(-1)!
      model.learn(rows, { clicked: willClick, shares: new Float32Array(sends).fill(1) })
    },
  }
}

function dayLater(): Learner {
  const model = new CtrModel({ bits: 18 })
  return {
    model,
    learn: (rounds, now) => {
      for (const { rows, at, clickedAt } of rounds) {
        if (at !== now - dayOfMinutes) continue
        const clicked = Uint8Array.from(clickedAt, time => Number(time <= now))
        model.learn(rows, { clicked, shares: new Float32Array(sends).fill(1) })
      }
    },
  }
}

function corrected(): Learner {
  const model = new CtrModel({ bits: 18 })
  const delay = new ClickDelay()
  const shares = new Map<Round, number>()
  const learned = new Map<Round, Set<number>>()
  return {
    model,
    learn: (rounds, now) => {
      for (const { at, clickedAt } of rounds) {
        for (const time of clickedAt) if (time > now - 60 && time <= now) delay.addClick(at, time)
      }
      const curve = delay.curve(now)
      for (const round of rounds) learnRound(model, round, { now, curve, shares, learned })
    },
  }
}

function learnRound(
  model: CtrModel,
  round: Round,
  {
    now,
    curve,
    shares,
    learned,
  }: {
    readonly now: number
    readonly curve: DelayCurve
    readonly shares: Map<Round, number>
    readonly learned: Map<Round, Set<number>>
  },
): void {
  const before = shares.get(round) ?? 0
  const share = curve.share(now - round.at)
  if (before >= 1 || share < Math.min(1, before + leastStep)) return
  const done = learned.get(round) ?? new Set()
  const places = Uint32Array.from(round.clickedAt.keys()).filter(row => !done.has(row))
  const clicked = Uint8Array.from(places, row => Number(round.clickedAt[row]! <= now))
  const columns = Object.entries(round.rows.columns).map(([name, values]) => {
    return [name, typeof values === 'number' ? values : places.map(row => values[row]!)] as const
  })
  model.learn(
    { rows: places.length, columns: Object.fromEntries(columns) },
    {
      clicked,
      shares: new Float32Array(places.length).fill(share),
      before: new Float32Array(places.length).fill(before),
    },
  )
  places.forEach((row, at) => {
    if (clicked[at] === 1) done.add(row)
  })
  learned.set(round, done)
  shares.set(round, share)
}

/** Of a send, above the truth's. */
function lossOf(predicted: Float32Array, truths: Float64Array): number {
  let sum = 0
  truths.forEach((p, row) => {
    const q = Math.min(1 - 1e-6, Math.max(1e-6, predicted[row]!))
    sum += p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q))
  })
  return sum / truths.length
}
