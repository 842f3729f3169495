import { expect, test } from 'vitest'
import { drawNormal } from '../../src/push/statistics/distributions.ts'
import { SlotPrice } from '../../src/push/statistics/slot-price.ts'
import { randomNumbers } from '../../src/storage/random.ts'

const [users, articlesADay, most, floor, learningWeeks] = [1500, 12, 300, 1, 2]

/**
 * Weeks of articles, each of a quality that drifts, and of a value to each user; the best users of an article get it.
 */
function simulate(policy: 'greedy' | 'priced', seed: number, weeks = 6) {
  const random = randomNumbers(seed)
  const tastes = Array.from({ length: users }, () => Math.exp(0.3 * drawNormal(random)))
  const slotPrice = new SlotPrice({ floor })
  let [value, sends, firstDay, best] = [0, 0, 0, 0]
  for (let week = 0; week < weeks; week++) {
    const counts = week >= learningWeeks
    const free = new Set(tastes.keys())
    const bests = new Float64Array(users)
    for (let day = 0; day < 7; day++) {
      const slots = free.size
      // Weeks differ, and days of the week do.
      const level = 0.7 * Math.exp(0.15 * Math.sin(week)) * (day >= 5 ? 0.85 : 1.05)
      for (let article = 0; article < articlesADay; article++) {
        const price = policy === 'greedy' ? floor : slotPrice.price(7 - day - article / articlesADay)
        const quality = level * Math.exp(0.4 * drawNormal(random))
        const values = tastes.map(taste => quality * taste * Math.exp(0.5 * drawNormal(random)))
        values.forEach((each, user) => {
          bests[user] = Math.max(bests[user]!, each)
        })
        const candidates = [...free]
        slotPrice.addOffers({ values: candidates.map(user => values[user]!), slots: free.size, price })
        const taken = candidates
          .filter(user => values[user]! > price)
          .sort((a, b) => values[b]! - values[a]!)
          .slice(0, most)
        for (const user of taken) {
          free.delete(user)
          if (!counts) continue
          value += values[user]!
          sends++
          if (day === 0) firstDay++
        }
      }
      slotPrice.endDay(slots, slots - free.size)
    }
    if (counts) best += bests.reduce((sum, each) => sum + each, 0)
  }
  const slots = users * (weeks - learningWeeks)
  return { value: value / slots, used: sends / slots, firstDay: firstDay / slots, best: best / slots }
}

test('slots are neither all spent early nor left, and bring more than by taking what comes first', () => {
  for (const seed of [1, 2]) {
    const [greedy, priced] = [simulate('greedy', seed), simulate('priced', seed)]
    const shown = ({ value, used, firstDay }: typeof greedy) =>
      `${value.toFixed(2)} a slot, ${(100 * used).toFixed(0)} % used, ${(100 * firstDay).toFixed(0)} % on the first day`
    console.log(`greedy ${shown(greedy)}; priced ${shown(priced)}; in hindsight ${greedy.best.toFixed(2)} a slot`)
    expect(priced.value).toBeGreaterThan(1.2 * greedy.value)
    expect(priced.value).toBeGreaterThan(0.7 * priced.best)
    expect(priced.used).toBeGreaterThan(0.8)
    expect(priced.firstDay).toBeLessThan(0.4)
    expect(greedy.firstDay).toBeGreaterThan(0.8)
  }
})

test('the price falls through the week to the floor, and is the floor where nothing is known', () => {
  const slotPrice = new SlotPrice({ floor: 2 })
  expect(slotPrice.price(7)).toBe(2)
  slotPrice.addOffers({ values: [2.5, 3, 5, 9, 1], slots: 5, price: 2 })
  slotPrice.endDay(5, 3)
  const prices = [7, 5, 3, 1, 0.5, 0].map(days => slotPrice.price(days))
  expect(prices).toEqual(prices.toSorted((a, b) => b - a))
  expect(prices.at(-1)).toBe(2)
  expect(prices[0]).toBeGreaterThan(4)
  expect(prices[0]).toBeLessThan(9)
})

test('the price is that of the best stopping by simulation, where offers are independent', () => {
  const random = randomNumbers(3)
  const slotPrice = new SlotPrice({ floor: 1, halfLife: 1000 })
  const draw = () => Math.exp(0.6 * drawNormal(random))
  const slots = 2000
  for (let day = 0; day < 20; day++) {
    // Two offers a day to each slot.
    const values = Float64Array.from({ length: 2 * slots }, draw)
    slotPrice.addOffers({ values, slots, price: 2 })
    const above = values.filter(value => value > 2).length
    slotPrice.endDay(slots, slots * (1 - Math.exp(-above / slots)))
  }
  const prices = Array.from({ length: 7 * 24 + 1 }, (_, hours) => slotPrice.price(hours / 24))
  /** What a slot brings by prices so many times as high. */
  const brings = (factor: number) => {
    const runs = 10_000
    let sum = 0
    for (let run = 0; run < runs; run++) {
      let left = 7 * 24
      for (;;) {
        left += 12 * Math.log(1 - random())
        if (left <= 0) break
        const value = draw()
        if (value > Math.max(1, factor * prices[Math.floor(left)]!)) {
          sum += value
          break
        }
      }
    }
    return sum / runs
  }
  const own = brings(1)
  expect(own).toBeGreaterThan(brings(0.6))
  expect(own).toBeGreaterThan(brings(1.5))
  // The price at the beginning is what a slot brings.
  expect(Math.abs(own / slotPrice.price(7) - 1)).toBeLessThan(0.03)
})

test('goes on from a snapshot as if it had never stopped', () => {
  const slotPrice = new SlotPrice({ floor: 1 })
  slotPrice.addOffers({ values: [1.5, 2, 4], slots: 3, price: 1 })
  slotPrice.endDay(3, 2)
  const other = new SlotPrice({ floor: 1 })
  other.restore(JSON.parse(JSON.stringify(slotPrice.snapshot())))
  expect(other.price(3)).toBe(slotPrice.price(3))
  expect(() => other.restore({ rates: [1], weight: 1, correction: 1 })).toThrow(
    'a slot price must be restored from 300 rates, got 1',
  )
  expect(() => new SlotPrice({ floor: 0 })).toThrow('floor must be a number above 0, got 0')
})
