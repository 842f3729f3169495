import { expect, test } from 'vitest'
import { CtrModel } from '../../src/push/prefer/ctr-model.ts'
import { OpenSends } from '../../src/push/prefer/open-sends.ts'
import { randomNumbers } from '../../src/storage/random.ts'

const curve = { share: (minutes: number) => (minutes >= 300 ? 1 : 1 - Math.exp(-minutes / 60)), logVariance: () => 0 }
const options = { columns: ['segment'], crosses: [], bits: 10 }

test('a model that learns every ten minutes knows the CTR while clicks of the latest sends are still to come', () => {
  const random = randomNumbers(3)
  const ctrs = [0.02, 0.05, 0.1]
  const [model, sends] = [new CtrModel(options), new OpenSends(options.columns)]
  const clicks: { id: string; at: number }[] = []
  for (let now = 0; now < 900; now += 10) {
    for (let send = 0; send < 1500; send++) {
      const [segment, id] = [send % 3, `${now}-${send}`]
      sends.add(id, now, { segment })
      if (random() < ctrs[segment]!) clicks.push({ id, at: now - 60 * Math.log(1 - random()) })
    }
    for (const { id, at } of clicks) if (at > now - 10 && at <= now) sends.click(id)
    const { rows, outcomes } = sends.takeDue(now, curve)
    model.learn(rows, outcomes)
  }
  const predicted = model.predict({ rows: 3, columns: { segment: Uint32Array.of(0, 1, 2) } })
  console.log(`CTRs ${ctrs.join(', ')}: predicted ${[...predicted].map(p => p.toFixed(4)).join(', ')}`)
  ctrs.forEach((ctr, segment) => {
    expect(Math.abs(predicted[segment]! / ctr - 1), `segment ${segment}`).toBeLessThan(0.15)
  })
  // Those of the last 300 minutes, less those that were clicked.
  expect(sends.size).toBeGreaterThan(30 * 1500 * 0.9)
  expect(sends.size).toBeLessThanOrEqual(30 * 1500)
})

test('each piece of what is known is given out once, and a click takes back what it was before', () => {
  const sends = new OpenSends(['segment'], 0.3)
  sends.add('a', 0, { segment: 4 })
  sends.add('b', 0, { segment: 5 })
  const due = (now: number) => {
    const { rows, outcomes } = sends.takeDue(now, { share: minutes => minutes / 100, logVariance: () => 0 })
    const { clicked, shares, before } = outcomes
    const of = (segment: number, at: number) => ({
      ...{ segment, clicked: clicked[at], share: Math.round(100 * shares[at]!), before: Math.round(100 * before[at]!) },
    })
    return [...(rows.columns.segment as Uint32Array)].map(of)
  }
  expect(due(20)).toEqual([])
  expect(due(40)).toEqual([
    { segment: 4, clicked: 0, share: 40, before: 0 },
    { segment: 5, clicked: 0, share: 40, before: 0 },
  ])
  expect(due(50)).toEqual([])
  expect(sends.click('a')).toBe(true)
  expect(due(55)).toEqual([{ segment: 4, clicked: 1, share: 55, before: 40 }])
  expect(sends.click('a')).toBe(false)
  expect(due(80)).toEqual([{ segment: 5, clicked: 0, share: 80, before: 40 }])
  expect(due(100)).toEqual([{ segment: 5, clicked: 0, share: 100, before: 80 }])
  expect(sends.size).toBe(0)
  expect(sends.click('b')).toBe(false)
})

test('a send without all columns is refused in words', () => {
  expect(() => new OpenSends(['segment', 'hour']).add('a', 0, { segment: 1 })).toThrow(
    'a send must have the columns segment, hour, got no hour',
  )
  expect(() => new OpenSends([], 0)).toThrow('leastStep must be a number above 0 and at most 1, got 0')
})
