import { expect, test } from 'vitest'
import { ClickDelay } from '../../src/push/statistics/click-delay.ts'
import type { VolumeDecision, VolumeRule } from '../../src/push/statistics/volume-rules.ts'
import { SendRounds } from '../../src/push/volume/send-rounds.ts'
import { randomNumbers } from '../../src/storage/random.ts'

const curve = new ClickDelay().curve(0)
const next = { lift: 1, interval: [0, 9], shareAbove: 0.5 } as const

/** A rule that always says the same. */
const saying =
  (action: VolumeDecision['action']): VolumeRule =>
  () => ({ action, reason: 'target within the interval', lift: 1, interval: [0, 9], next })

const rounds = (given: Partial<ConstructorParameters<typeof SendRounds>[0]> = {}) =>
  new SendRounds({ usualCtrs: new Float64Array(1000).fill(0.02), firstRound: 50, end: 240, seed: 1, ...given })

/** The ranks of a step that sends. */
function sent(of: SendRounds, now: number): number[] {
  const step = of.step(now, 2.4, curve)
  if (step.action !== 'send') throw new Error(`expected a send, got ${JSON.stringify(step)}`)
  of.add(step.ranks, now)
  return [...step.ranks]
}

test('the first round is of all depths, the others of the best that are left, each at most as large as all before', () => {
  const growing = rounds({ rule: saying('grow') })
  const first = sent(growing, 0)
  expect(first).toHaveLength(50)
  expect(first.map(rank => Math.floor(rank / 20))).toEqual(Array.from({ length: 50 }, (_, part) => part))
  const left = Array.from({ length: 1000 }, (_, rank) => rank).filter(rank => !first.includes(rank))
  expect(sent(growing, 20)).toEqual(left.slice(0, 50))
  expect(sent(growing, 40)).toEqual(left.slice(50, 150))
  let all = 200
  for (let now = 60; all < 1000; now += 20) all += sent(growing, now).length
  expect(growing.step(239, 2.4, curve)).toMatchObject({ action: 'stop', reason: 'nobody is left' })
})

test('a probe is as small as the first round; who waits sends nothing; a stop is for good, as is the end of its time', () => {
  let action: VolumeDecision['action'] = 'grow'
  const changing = rounds({ rule: (...given) => saying(action)(...given) })
  sent(changing, 0)
  sent(changing, 20)
  action = 'probe'
  expect(sent(changing, 40)).toHaveLength(50)
  action = 'wait'
  expect(changing.step(60, 2.4, curve).action).toBe('wait')
  action = 'stop'
  expect(changing.step(80, 2.4, curve)).toMatchObject({ action: 'stop', reason: 'target within the interval' })
  action = 'grow'
  expect(changing.step(100, 2.4, curve).action).toBe('stop')
  const late = rounds({ rule: saying('grow') })
  sent(late, 0)
  expect(late.step(240, 2.4, curve)).toEqual({ action: 'stop', reason: 'its time is over' })
})

test('by the sequential rule it goes down to where the lift falls below the target, and no further', () => {
  const volume = 20_000
  // Twice the target for the best, the target at a quarter, and less below.
  const liftAt = (rank: number) => 4 * 2 ** (-4 * (rank / volume))
  const depths = [3, 8, 11].map(seed => {
    const random = randomNumbers(seed)
    const delay = new ClickDelay()
    const of = new SendRounds({ usualCtrs: new Float64Array(volume).fill(0.02), firstRound: 400, end: 1e6, seed })
    let deepest = 0
    for (let now = 0; ; now += 2000) {
      const step = of.step(now, 2, delay.curve(now))
      if (step.action === 'stop') break
      if (step.action === 'wait') continue
      of.add(step.ranks, now)
      if (now > 0) deepest = Math.max(deepest, ...step.ranks)
      for (const rank of step.ranks) {
        if (random() >= 0.02 * liftAt(rank)) continue
        of.addClick(rank, now)
        delay.addClick(now, now + 30)
      }
    }
    return deepest / volume
  })
  for (const depth of depths) {
    expect(depth).toBeGreaterThan(0.08)
    expect(depth).toBeLessThan(0.6)
  }
})

test('an article that nobody wants ends after a few rounds', () => {
  const of = rounds({ usualCtrs: new Float64Array(50_000).fill(0.02), firstRound: 300 })
  const delay = new ClickDelay()
  for (let now = 0; now < 240; now += 30) {
    const step = of.step(now, 2.4, delay.curve(now))
    if (step.action === 'send') of.add(step.ranks, now)
  }
  expect(of.step(239, 2.4, delay.curve(239)).action).toBe('stop')
  expect(of.sent).toBeLessThan(2500)
})

test('of nobody there is nothing to send', () => {
  expect(rounds({ usualCtrs: new Float64Array(0) }).step(0, 2.4, curve)).toEqual({
    action: 'stop',
    reason: 'nobody is left',
  })
})
