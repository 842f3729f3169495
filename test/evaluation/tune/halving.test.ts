import { expect, test } from 'vitest'
import { bestSoFar, likelyToGoOn, nextToGoOn, rungsOf } from '../../../src/evaluation/tune/halving.ts'
import { randomNumbers } from '../../../src/storage/random.ts'

interface Scored {
  readonly name: number
  readonly scores: { score: number }[]
}

const trialOf = (name: number, ...scores: number[]): Scored => ({ name, scores: scores.map(score => ({ score })) })

test('rungs have a third of the epochs of the next, and not too few', () => {
  expect([1, 3, 8, 9, 15, 27, 100].map(rungsOf)).toEqual([
    [1],
    [3],
    [3, 8],
    [3, 9],
    [5, 15],
    [3, 9, 27],
    [4, 12, 34, 100],
  ])
})

test('of three trials of a rung the best goes on, once', () => {
  const trials = [trialOf(0, 0.1), trialOf(1, 0.3)]
  expect(nextToGoOn(trials, 3)).toBeUndefined()
  trials.push(trialOf(2, 0.2))
  expect(nextToGoOn(trials, 3)).toBe(trials[1])
  trials[1]!.scores.push({ score: 0.4 })
  expect(nextToGoOn(trials, 3)).toBeUndefined()
  trials.push(trialOf(3, 0.25), trialOf(4, 0.05), trialOf(5, 0.5))
  expect(nextToGoOn(trials, 3)).toBe(trials[5])
})

test('a trial that failed does not go on, and on a single rung none does', () => {
  const failed = Number.NEGATIVE_INFINITY
  expect(nextToGoOn([trialOf(0, failed), trialOf(1, failed), trialOf(2, failed)], 2)).toBeUndefined()
  expect(nextToGoOn([trialOf(0, 1), trialOf(1, 2), trialOf(2, 3)], 1)).toBeUndefined()
})

test('the best are those of the highest rung that enough have reached', () => {
  const trials = [trialOf(0, 0.1), trialOf(1, 0.3, 0.6), trialOf(2, 0.2, Number.NEGATIVE_INFINITY)]
  const names = (count: number) => bestSoFar(trials, count).map(({ name }) => name)
  expect(names(1)).toEqual([1])
  expect(names(2)).toEqual([1, 0])
  expect(names(3)).toEqual([])
  trials.push(trialOf(3, 0.25, 0.7))
  expect(names(2)).toEqual([3, 1])
  expect(names(3)).toEqual([1, 3, 0])
  expect(bestSoFar([], 1)).toEqual([])
})

test('whoever goes on next is among those that are likely to', () => {
  const random = randomNumbers(3)
  const trials: Scored[] = []
  const steps = [0, 0, 0]
  for (let step = 0; step < 300; step++) {
    const likely = likelyToGoOn(trials, 3)
    const next = nextToGoOn(trials, 3)
    if (next) expect(likely.has(next)).toBe(true)
    const trial = next ?? trialOf(trials.length)
    if (!next) trials.push(trial)
    steps[trial.scores.length]!++
    trial.scores.push({ score: random() })
  }
  // About a third of each rung: some more, since one that was among the best may no longer be.
  expect(steps[0]! / steps[1]!).toSatisfy((ratio: number) => ratio > 2 && ratio <= 3.1)
  expect(steps[1]! / steps[2]!).toSatisfy((ratio: number) => ratio > 2 && ratio <= 3.1)
  expect(likelyToGoOn(trials, 3).size).toBeLessThan(trials.length / 2)
})
