import fc from 'fast-check'
import { expect, test } from 'vitest'
import { measurePredictions } from '../../../src/music/tagger/training/measure.ts'
import { randomNumbers } from '../../../src/storage/random.ts'

test('of single labels: accuracy, confusion, precision, recall, loss', () => {
  const said = Float32Array.of(0.7, 0.2, 0.1, 0.4, 0.5, 0.1, 0.1, 0.8, 0.1, 0.2, 0.2, 0.6)
  const right = Float32Array.of(1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1)
  const measure = measurePredictions(said, right, ['a', 'b', 'c'], 'single')
  expect(measure.accuracy).toBe(0.75)
  expect(measure.meanAveragePrecision).toBeUndefined()
  expect(measure.confusion).toEqual([
    [1, 1, 0],
    [0, 1, 0],
    [0, 0, 1],
  ])
  expect(measure.labels.map(({ precision, recall, clips }) => [precision, recall, clips])).toEqual([
    [1, 0.5, 2],
    [0.5, 1, 1],
    [1, 1, 1],
  ])
  expect(measure.loss).toBeCloseTo(-Math.log(0.7 * 0.4 * 0.8 * 0.6) / 4, 6)
})

test('average precision is the mean of the precisions at what is right', () => {
  const scores = fc.array(fc.record({ score: fc.nat({ max: 99 }), isTrue: fc.boolean() }), {
    minLength: 1,
    maxLength: 30,
  })
  fc.assert(
    fc.property(scores, rows => {
      const distinct = rows.map(({ score, isTrue }, at) => ({ score: (score + at / 100) / 100, isTrue }))
      const ranked = [...distinct].sort((a, b) => b.score - a.score)
      const precisions = ranked.flatMap(({ isTrue }, at) =>
        isTrue ? [ranked.slice(0, at + 1).filter(row => row.isTrue).length / (at + 1)] : [],
      )
      const expected = precisions.reduce((sum, value) => sum + value, 0) / precisions.length
      const said = Float32Array.from(distinct.flatMap(({ score }) => [score, 0.5]))
      const right = Float32Array.from(distinct.flatMap(({ isTrue }) => [isTrue ? 1 : 0, 0]))
      const [measured, absent] = measurePredictions(said, right, ['a', 'b'], 'multi').labels
      if (precisions.length === 0) expect(measured!.averagePrecision).toBeNaN()
      else expect(measured!.averagePrecision).toBeCloseTo(expected, 6)
      expect(absent!.averagePrecision).toBeNaN()
    }),
  )
})

test('of many labels each is measured as it is alone', () => {
  const random = randomNumbers(3)
  const [clips, width] = [400, 20_000]
  const labels = Array.from({ length: width }, (_, at) => `${at}`)
  const said = Float32Array.from({ length: clips * width }, () => Math.floor(20 * random()) / 20)
  const right = new Float32Array(clips * width)
  for (let clip = 0; clip < clips; clip++)
    for (let n = 0; n < 3; n++) right[clip * width + Math.floor(random() * width)] = 1
  const { labels: measured } = measurePredictions(said, right, labels, 'multi')
  const column = (values: Float32Array, at: number) =>
    Array.from({ length: clips }, (_, clip) => values[clip * width + at]!)
  for (const at of [0, 1, 2, 3, 4, 19_999]) {
    const [own, truth] = [column(said, at), column(right, at)]
    const [alone] = measurePredictions(Float32Array.from(own), Float32Array.from(truth), ['a'], 'multi').labels
    expect(measured[at]).toEqual({ ...alone, label: `${at}` })
    const isSaid = own.filter(value => value > 0.5).length
    const both = own.filter((value, clip) => value > 0.5 && truth[clip]! > 0).length
    expect([measured[at]!.clips, measured[at]!.precision]).toEqual([truth.filter(Boolean).length, both / isSaid])
  }
})

test('equal probabilities rank nothing', () => {
  const measure = measurePredictions(
    new Float32Array(8).fill(0.5),
    Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0),
    ['a', 'b'],
    'multi',
  )
  expect(measure.labels[0]!.averagePrecision).toBe(0.25)
})

test('of very many labels it is not counted what is taken for what', () => {
  const labels = Array.from({ length: 60_000 }, (_, at) => `label ${at}`)
  const right = new Float32Array(2 * labels.length)
  right[3] = right[labels.length + 4] = 1
  const measure = measurePredictions(right, right, labels, 'single')
  expect(measure.accuracy).toBe(1)
  expect(measure.confusion).toBeUndefined()
})
