import { expect, test } from 'vitest'
import { drawNormal } from '../../src/push/statistics/distributions.ts'
import { SlotPrice } from '../../src/push/volume/slot-price.ts'
import { randomNumbers } from '../../src/storage/random.ts'

const days = 7

interface Offer {
  readonly value: number
  readonly share: number
}

/** The v of v = days · Σ share (value − v)⁺ / gathered, by halving. */
function naivePrice(offers: readonly Offer[], gathered: number): number {
  let [low, high] = [0, offers.reduce((most, { value }) => Math.max(most, value), 0) * days]
  for (let step = 0; step < 100; step++) {
    const middle = (low + high) / 2
    const worth = offers.reduce((sum, { value, share }) => sum + share * Math.max(0, value - middle), 0)
    if ((days * worth) / gathered > middle) low = middle
    else high = middle
  }
  return low
}

test('the price is what the slot of a push would bring otherwise, within the width of a bucket', () => {
  const random = randomNumbers(3)
  for (let trial = 0; trial < 30; trial++) {
    const gathered = 0.2 + 3 * random()
    const offers = Array.from({ length: 1 + Math.floor(random() * 200) }, () => ({
      value: 3 * Math.exp(0.7 * drawNormal(random)),
      share: random() ** 3,
    }))
    const [floor, before] = [0.1, 2]
    const price = new SlotPrice({ days, floor, before, halfLife: 1e9 })
    for (const { value, share } of offers) price.addOffers(value, share)
    price.update(gathered)
    const expected = (naivePrice(offers, gathered) * gathered + before * 0.5) / (gathered + 0.5)
    expect(Math.abs(price.price / expected - 1), `trial ${trial}`).toBeLessThan(0.03)
  }
})

test('in a simulation users who take what is worth the price gain more than with a lower or a higher one', () => {
  const random = randomNumbers(8)
  const [users, long, offersADay] = [300, 3000, 1.2]
  const drawValue = () => 2 * Math.exp(0.6 * drawNormal(random))
  const wait = () => -Math.log(1 - random()) / offersADay
  const price = new SlotPrice({ days, floor: 0.2, before: 3 })
  for (let day = 0; day < 60; day++) {
    for (let user = 0; user < users; user++) {
      for (let at = wait(); at < 1; at += wait()) price.addOffers(drawValue(), 1 / users)
    }
    price.update()
  }
  const thresholds = [0.8, 1, 1.25].map(times => times * price.price)
  const gains = thresholds.map(() => 0)
  for (let user = 0; user < users; user++) {
    const freeAt = thresholds.map(() => 0)
    for (let at = wait(); at < long; at += wait()) {
      const value = drawValue()
      thresholds.forEach((threshold, policy) => {
        if (at < freeAt[policy]! || value < threshold) return
        gains[policy]! += value / users / long
        freeAt[policy] = at + days
      })
    }
  }
  const [lower, exact, higher] = gains
  console.log(
    `a user gains ${exact!.toFixed(4)} a day at the price of ${price.price.toFixed(2)}; ${lower!.toFixed(4)} at 0.8 of it, ${higher!.toFixed(4)} at 1.25 of it`,
  )
  expect(exact).toBeGreaterThan(1.005 * lower!)
  expect(exact).toBeGreaterThan(1.005 * higher!)
  // The price is what a cycle of the best policy brings in the days of a push.
  expect(Math.abs((exact! * days) / price.price - 1)).toBeLessThan(0.03)
})

test('the price is never below the floor, and what it was before fades as days pass', () => {
  expect(new SlotPrice({ days, floor: 2 }).price).toBe(2)
  expect(new SlotPrice({ days, floor: 2, before: 1 }).price).toBe(2)
  const price = new SlotPrice({ days, floor: 2, before: 5 })
  expect(price.price).toBe(5)
  price.addOffers(1, 1)
  price.update(0.5)
  expect(price.price).toBeGreaterThan(2)
  expect(price.price).toBeLessThan(4)
  for (let day = 0; day < 10; day++) price.update()
  expect(price.price).toBe(2)
})

test('offers of no value count for nothing, and one of an enormous value does not break it', () => {
  const price = new SlotPrice({ days, floor: 1 })
  for (const value of [0, -1, Number.NaN, 1e-9]) price.addOffers(value, 1)
  price.update()
  expect(price.price).toBe(1)
  price.addOffers(1e30, 1e-6)
  price.update()
  expect(price.price).toBeGreaterThanOrEqual(1)
  expect(Number.isFinite(price.price)).toBe(true)
})

test('what was offered weighs half after its half-life', () => {
  const price = new SlotPrice({ days, floor: 0.1, before: 3, halfLife: 10 })
  const follow = (value: number, most: number) => {
    for (let day = 0; day < most; day++) {
      price.addOffers(value, 0.5)
      price.update()
    }
    return price.price
  }
  const atFour = naivePrice([{ value: 4, share: 0.5 }], 1)
  const atTwo = naivePrice([{ value: 2, share: 0.5 }], 1)
  expect(Math.abs(follow(4, 100) / atFour - 1)).toBeLessThan(0.03)
  const mixed = naivePrice(
    [
      { value: 4, share: 0.25 },
      { value: 2, share: 0.25 },
    ],
    1,
  )
  expect(Math.abs(follow(2, 10) / mixed - 1)).toBeLessThan(0.05)
  expect(Math.abs(follow(2, 100) / atTwo - 1)).toBeLessThan(0.05)
})

test.each(['days', 'floor', 'before', 'halfLife'])('%s must be above 0', name => {
  for (const value of [0, -1, Number.NaN]) {
    const options = Object.assign({ days, floor: 1 }, { [name]: value })
    expect(() => new SlotPrice(options)).toThrow(new RangeError(`${name} must be a number above 0, got ${value}`))
  }
})

test('goes on from a snapshot as if it had never stopped, and at another floor by the same offers', () => {
  const random = randomNumbers(4)
  const addTo = (prices: readonly SlotPrice[]) => {
    for (let offer = 0; offer < 50; offer++) {
      const value = 3 * Math.exp(0.5 * drawNormal(random))
      for (const price of prices) price.addOffers(value, 0.05)
    }
  }
  const price = new SlotPrice({ days, floor: 0.5 })
  addTo([price])
  price.update()
  addTo([price])
  const snapshot = JSON.parse(JSON.stringify(price.snapshot()))
  const [same, lower, higher] = [0.5, 0.3, 50].map(floor => new SlotPrice({ days, floor }))
  for (const other of [same!, lower!, higher!]) other.restore(snapshot)
  expect(same!.price).toBe(price.price)
  expect(higher!.price).toBe(50)
  const all = [price, same!, lower!, higher!]
  addTo(all)
  for (const each of all) each.update()
  expect(same!.snapshot()).toEqual(price.snapshot())
  expect(Math.abs(lower!.price / price.price - 1)).toBeLessThan(0.05)
  expect(higher!.price).toBe(50)
  expect(() => price.restore(Object.assign({}, snapshot, { offers: [1] }))).toThrow(
    'offers must have 400 buckets, got 1',
  )
})
