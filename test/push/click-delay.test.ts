import { expect, test } from 'vitest'
import { ClickDelay } from '../../src/push/statistics/click-delay.ts'
import { correctedCtr } from '../../src/push/statistics/corrected-ctr.ts'
import { drawNormal } from '../../src/push/statistics/distributions.ts'
import { randomNumbers } from '../../src/storage/random.ts'

/** Log-normal delays with a median of 40 minutes, none over a day. */
function drawDelay(random: () => number): number {
  for (;;) {
    const delay = 40 * Math.exp(1.3 * drawNormal(random))
    if (delay <= 1440) return delay
  }
}

function trueShare(minutes: number): number {
  const random = randomNumbers(99)
  const draws = 100_000
  let came = 0
  for (let draw = 0; draw < draws; draw++) if (drawDelay(random) <= minutes) came++
  return came / draws
}

/** Campaigns of different CTR, one every two hours from minute 0 on, and their clicks until `now`. */
function learned(seed: number, now: number, clicksEach: number): ClickDelay {
  const random = randomNumbers(seed)
  const delay = new ClickDelay()
  for (let sentAt = 0; sentAt < now; sentAt += 120) {
    const clicks = clicksEach * (0.3 + 1.4 * random())
    for (let click = 0; click < clicks; click++) {
      const clickedAt = sentAt + drawDelay(random)
      if (clickedAt <= now) delay.addClick(sentAt, clickedAt)
    }
  }
  return delay
}

test('the curve is unbiased where most sends are too young for all of their clicks', () => {
  const at = [5, 20, 60, 240, 720]
  const truths = at.map(trueShare)
  const now = 2 * 1440
  const curves = Array.from({ length: 40 }, (_, seed) => learned(seed, now, 100).curve(now))
  at.forEach((minutes, place) => {
    const shares = curves.map(curve => curve.share(minutes))
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length
    expect(Math.abs(mean / truths[place]! - 1), `${minutes} minutes`).toBeLessThan(0.05)
  })
  // What is seen of the delays of the young, taken as it is, says that clicks come sooner.
  const within = curves.filter(curve => {
    const error = Math.log(curve.share(60) / truths[2]!)
    return Math.abs(error) <= 1.96 * Math.sqrt(curve.logVariance(60))
  })
  expect(within.length).toBeGreaterThanOrEqual(35)
})

test('sends of a few minutes have an unbiased CTR with a variance that covers the truth', () => {
  const [runs, now, sends, truth] = [300, 5 * 1440, 8000, 0.03]
  const ages = [6, 12, 25]
  let [sum, covered, came] = [0, 0, 0]
  for (let seed = 0; seed < runs; seed++) {
    const random = randomNumbers(1000 + seed)
    const curve = learned(seed, now, 30).curve(now)
    const groups = ages.map(age => {
      let clicks = 0
      for (let send = 0; send < sends; send++) if (random() < truth && drawDelay(random) <= age) clicks++
      came += clicks
      return { age, sends, clicks }
    })
    const { ctr, variance } = correctedCtr(groups, curve)
    sum += ctr
    if (Math.abs(ctr - truth) <= 1.96 * Math.sqrt(variance)) covered++
  }
  const seen = came / (runs * ages.length * sends * truth)
  console.log(
    `corrected CTR: ${((100 * sum) / runs).toFixed(3)} % for a true 3 %, covered in ${((100 * covered) / runs).toFixed(1)} % of runs, with ${(100 * seen).toFixed(0)} % of the clicks seen`,
  )
  expect(seen).toBeLessThan(0.25)
  expect(Math.abs(sum / runs / truth - 1)).toBeLessThan(0.03)
  expect(covered / runs).toBeGreaterThan(0.92)
})

test('without data the prior curve says half at its median, and the variance is large', () => {
  const curve = new ClickDelay({ priorMedian: 20 }).curve(0)
  expect(curve.share(20)).toBeCloseTo(0.5, 1)
  expect(curve.share(0)).toBe(0)
  expect(curve.share(1440)).toBe(1)
  expect(curve.share(1e9)).toBe(1)
  expect(curve.logVariance(20)).toBeGreaterThan(0.02)
  for (let t = 1; t < 1440; t += 7) expect(curve.share(t + 7)).toBeGreaterThanOrEqual(curve.share(t))
})

test('what was long ago weighs less than what is new', () => {
  const delay = new ClickDelay({ halfLife: 1440 })
  for (let click = 0; click < 1000; click++) delay.addClick(0, 200)
  const before = delay.curve(3000).share(100)
  for (let click = 0; click < 1000; click++) delay.addClick(20_000, 20_001)
  expect(before).toBeLessThan(0.05)
  expect(delay.curve(21_500).share(100)).toBeGreaterThan(0.95)
})

test('a click before its send counts as at once, one after the horizon not at all', () => {
  const [delay, other] = [new ClickDelay(), new ClickDelay()]
  delay.addClick(10, 5)
  other.addClick(10, 10)
  delay.addClick(10, 5000)
  delay.addClick(10, Number.NaN)
  expect(delay.curve(6000).share(3)).toBe(other.curve(6000).share(3))
})

test('goes on from a snapshot as if it had never stopped', () => {
  const delay = learned(7, 2000, 20)
  const other = new ClickDelay()
  other.restore(JSON.parse(JSON.stringify(delay.snapshot())))
  for (const each of [delay, other]) each.addClick(1990, 1999)
  for (const minutes of [1, 30, 300]) expect(other.curve(2500).share(minutes)).toBe(delay.curve(2500).share(minutes))
  expect(() => new ClickDelay({ ends: [1, 2] }).restore(delay.snapshot())).toThrow(
    'a click delay of 2 intervals cannot be restored from one of 20',
  )
})

test('ends that do not rise are refused in words', () => {
  expect(() => new ClickDelay({ ends: [5, 5] })).toThrow('ends must be numbers that rise from above 0, got 5, 5')
  expect(() => new ClickDelay({ halfLife: 0 })).toThrow('halfLife must be a number above 0, got 0')
})
