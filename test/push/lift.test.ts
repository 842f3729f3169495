import { expect, test } from 'vitest'
import { ClickDelay } from '../../src/push/statistics/click-delay.ts'
import { drawBeta } from '../../src/push/statistics/distributions.ts'
import { addSums, type Interval, type LiftSums, liftOf, noSends } from '../../src/push/statistics/lift.ts'
import { SendOutcomes } from '../../src/push/statistics/send-outcomes.ts'
import { randomNumbers } from '../../src/storage/random.ts'

const has = ([low, high]: Interval, value: number) => low <= value && value <= high
const percent = (share: number) => `${(100 * share).toFixed(1)} %`

/** Coverage over 50 looks, when users have usual CTRs around `usual`, and the lift of a send is `liftAt` its place. */
function coverage(options: { usual: number; sends: number; liftAt: (share: number) => number; runs: number }) {
  const { usual, sends, liftAt, runs } = options
  const looks = 50
  let [normal, sequence, atEnd, width] = [0, 0, 0, 0]
  for (let run = 0; run < runs; run++) {
    const random = randomNumbers(run + 17)
    let sums = noSends
    let truth = 0
    let [inNormal, inSequence] = [true, true]
    const each = sends / looks
    for (let look = 0; look < looks; look++) {
      const usualCtrs = Array.from({ length: each }, () => usual * (0.2 + 1.6 * random() ** 2))
      const lift = liftAt((look + 0.5) / looks)
      const clicked = usualCtrs.map(u => random() < lift * u)
      sums = addSums(sums, outcomeSums(usualCtrs, clicked))
      truth += lift * usualCtrs.reduce((sum, u) => sum + u, 0)
      const estimate = liftOf(sums)
      const target = truth / sums.exposure
      inNormal &&= has(estimate.normal, target)
      inSequence &&= has(estimate.sequence, target)
      if (look === looks - 1) {
        atEnd += Number(has(estimate.normal, target))
        const [of, against] = [estimate.sequence, estimate.normal]
        width += (of[1] - of[0]) / (against[1] - against[0]) / runs
      }
    }
    normal += Number(inNormal)
    sequence += Number(inSequence)
  }
  return { normal: normal / runs, sequence: sequence / runs, atEnd: atEnd / runs, width }
}

const settings = [
  { name: '0.4 % of 25,000 sends, lift 1.5', usual: 0.004, sends: 25_000, liftAt: () => 1.5 },
  { name: '1 % of 10,000 sends, lift 2.4', usual: 0.01, sends: 10_000, liftAt: () => 2.4 },
  { name: '4 % of 5,000 sends, lift 1', usual: 0.04, sends: 5000, liftAt: () => 1 },
  { name: '1 % of 10,000 sends, lift 4 falling to 1', usual: 0.01, sends: 10_000, liftAt: (at: number) => 4 - 3 * at },
]

test.each(settings)(
  'the sequence covers the lift over 50 looks, the normal interval does not: $name',
  ({ name, ...setting }) => {
    const { normal, sequence, atEnd, width } = coverage({ ...setting, runs: 300 })
    console.log(
      `lift over 50 looks, ${name}: sequence ${percent(sequence)}, normal ${percent(normal)} (one look at the end ${percent(atEnd)}), width at the end ${width.toFixed(2)} times the normal's`,
    )
    expect(sequence).toBeGreaterThanOrEqual(0.95)
    expect(normal).toBeLessThan(0.85)
    expect(atEnd).toBeGreaterThan(0.92)
    expect(width).toBeLessThan(2)
  },
)

test('the sequence covers the lift while clicks come late and the curve is learned', () => {
  const [runs, users, usual, truth] = [200, 6000, 0.015, 2.4]
  let [normal, sequence] = [0, 0]
  for (let run = 0; run < runs; run++) {
    const random = randomNumbers(run + 5)
    const drawDelay = () => Math.min(1440, -50 * Math.log(1 - random()))
    const delay = new ClickDelay()
    for (let click = 0; click < 400; click++) delay.addClick(0, drawDelay())
    const outcomes = new SendOutcomes()
    const clicks: { sentAt: number; at: number }[] = []
    let [inNormal, inSequence] = [true, true]
    for (let now = 3000; now <= 3240; now += 5) {
      if (now < 3150) {
        const usualCtrs = Array.from({ length: users / 30 }, () => drawBeta(2, 2 / usual, random))
        outcomes.addSends(now, usualCtrs)
        for (const u of usualCtrs) if (random() < truth * u) clicks.push({ sentAt: now, at: now + drawDelay() })
      }
      for (const { sentAt, at } of clicks) {
        if (at > now || at <= now - 5) continue
        outcomes.addClick(sentAt)
        delay.addClick(sentAt, at)
      }
      const estimate = outcomes.lift(now, delay.curve(now))
      inNormal &&= has(estimate.normal, truth)
      inSequence &&= has(estimate.sequence, truth)
    }
    normal += Number(inNormal) / runs
    sequence += Number(inSequence) / runs
  }
  console.log(`lift over 49 looks with clicks that come late: sequence ${percent(sequence)}, normal ${percent(normal)}`)
  expect(sequence).toBeGreaterThanOrEqual(0.95)
  expect(normal).toBeLessThan(0.85)
})

test('the sequence is at most twice as wide as the normal interval from 20 to 5,000 clicks', () => {
  const widths = [20, 50, 100, 1000, 5000].map(clicks => {
    const { normal, sequence } = liftOf({ ...noSends, clicks, exposure: clicks, exposureSquares: clicks * 0.01 })
    return (sequence[1] - sequence[0]) / (normal[1] - normal[0])
  })
  console.log(`width at 20, 50, 100, 1000, 5000 clicks: ${widths.map(width => width.toFixed(2)).join(', ')} times`)
  for (const width of widths) expect(width).toBeLessThan(2)
})

test('uncertain usual CTRs and an uncertain curve make both intervals wider', () => {
  const sums = { sends: 1000, clicks: 40, exposure: 20, exposureSquares: 0.5, exposureVariance: 0 }
  const [sure, unsure] = [liftOf(sums), liftOf({ ...sums, exposureVariance: 9 })]
  for (const kind of ['normal', 'sequence'] as const) {
    expect(unsure[kind][0]).toBeLessThan(sure[kind][0])
    expect(unsure[kind][1]).toBeGreaterThan(sure[kind][1])
  }
  expect(sure.lift).toBe(2)
})

test('the interval of one look lies within that of any number, however uncertain the curve is', () => {
  for (const [clicks, relative] of [
    [912, 0.86],
    [912, 5],
    [40, 0.5],
    [5, 1],
  ] as const) {
    const exposure = 5.33
    const exposureVariance = (relative * exposure) ** 2
    const { normal, sequence } = liftOf({ sends: 8369, clicks, exposure, exposureSquares: 0.004, exposureVariance })
    expect(normal[0]).toBeGreaterThanOrEqual(sequence[0])
    expect(normal[1]).toBeLessThanOrEqual(sequence[1])
  }
})

test('without sends anything may be, and without clicks the lift is below a bound', () => {
  expect(liftOf(noSends).sequence).toEqual([0, Number.POSITIVE_INFINITY])
  const { lift, sequence } = liftOf({ sends: 500, clicks: 0, exposure: 10, exposureSquares: 0.2, exposureVariance: 0 })
  expect(lift).toBe(0)
  expect(sequence[0]).toBe(0)
  expect(sequence[1]).toBeGreaterThan(0.3)
  expect(sequence[1]).toBeLessThan(1.2)
  expect(() => liftOf(noSends, { level: 1 })).toThrow('level must be a number above 0 and below 1, got 1')
})

/** The sums of sends whose clicks have all come. */
function outcomeSums(usualCtrs: readonly number[], clicked: readonly boolean[]): LiftSums {
  return {
    sends: usualCtrs.length,
    clicks: clicked.filter(isClicked => isClicked).length,
    exposure: usualCtrs.reduce((sum, ctr) => sum + ctr, 0),
    exposureSquares: usualCtrs.reduce((sum, ctr) => sum + ctr ** 2, 0),
    exposureVariance: 0,
  }
}
