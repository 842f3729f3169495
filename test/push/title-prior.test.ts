import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Pool } from '../../src/parallel/pool.ts'
import { drawNormal } from '../../src/push/statistics/distributions.ts'
import { TitlePrior, type TitleTest } from '../../src/push/title/text-prior.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { freshFolder } from '../storage/folder.ts'
import { hashedVectors } from './hashed-vectors.ts'

const pool = new Pool({ threads: 2 })
afterAll(() => pool.close())

const words = ['shocking', 'calm', '단독', '날씨', 'park', 'city', 'people', 'today']
/** By how much each word, and each template, moves ln CTR. */
const effects = [0.5, -0.4, 0.4, -0.3, 0, 0, 0, 0]
const templates = [
  { text: '{title}', effect: 0 },
  { text: '[속보] {title}', effect: 0.4 },
]

/** Tests of three titles each; articles' levels differ by 0.5, residuals by `deviation`. */
function testsOf(
  count: number,
  seed: number,
  { sends = 5000, deviation = 0.2 } = {},
): (TitleTest & { readonly truths: number[] })[] {
  const random = randomNumbers(seed)
  return Array.from({ length: count }, () => {
    const base = Math.log(0.02) + 0.5 * drawNormal(random)
    const truths: number[] = []
    const titles = Array.from({ length: 3 }, () => {
      const chosen = [0, 1].map(() => Math.floor(random() * words.length))
      const template = templates[Math.floor(random() * 2)]!
      const truth = chosen.reduce(
        (sum, word) => sum + effects[word]!,
        base + template.effect + deviation * drawNormal(random),
      )
      truths.push(truth)
      const mean = sends * Math.exp(truth)
      const clicks = Math.max(0, Math.round(mean + Math.sqrt(mean) * drawNormal(random)))
      return {
        title: chosen.map(word => words[word]).join(' '),
        template: template.text,
        effectiveSends: sends,
        clicks,
      }
    })
    return { titles, truths }
  })
}

test('without tests all titles are alike, and differ as titles do', async () => {
  const prior = await TitlePrior.train([], { pool })
  expect(prior.variance).toBeCloseTo(0.275 ** 2)
  expect(prior.scores([{ title: 'a park' }, { title: '공원' }])).toEqual(Float64Array.of(0, 0))
})

test('it learns words and templates of titles in Korean and English, and how far it is wrong', async () => {
  const prior = await TitlePrior.train(testsOf(600, 1), { pool, vectors: hashedVectors })
  expect(Math.sqrt(prior.variance)).toBeGreaterThan(0.16)
  expect(Math.sqrt(prior.variance)).toBeLessThan(0.26)
  const [good, bad] = prior.scores([{ title: 'shocking park' }, { title: 'calm park' }])
  expect(good! - bad!).toBeGreaterThan(0.5)
  const [first, second] = prior.scores([{ title: '단독 공원' }, { title: '날씨 공원' }])
  expect(first! - second!).toBeGreaterThan(0.3)
  const [breaking, plain] = prior.scores(
    ['[속보] {title}', '{title}'].map(template => ({ title: 'calm park', template })),
  )
  expect(breaking! - plain!).toBeGreaterThan(0.25)
})

test('its priors are calibrated on tests that it has not seen', async () => {
  for (const count of [30, 400]) {
    const prior = await TitlePrior.train(testsOf(count, 2), { pool, vectors: hashedVectors })
    let [squares, number] = [0, 0]
    for (const { titles, truths } of testsOf(300, 3)) {
      const scores = prior.scores(titles)
      const mean = truths.reduce((sum, truth) => sum + truth, 0) / truths.length
      truths.forEach((truth, at) => {
        squares += (truth - mean - scores[at]!) ** 2 / prior.variance
      })
      number += truths.length - 1
    }
    expect(squares / number).toBeGreaterThan(0.7)
    expect(squares / number).toBeLessThan(1.4)
  }
})

test('a few tests with few clicks change little', async () => {
  const prior = await TitlePrior.train(testsOf(3, 4, { sends: 50 }), { pool })
  expect(Math.abs(prior.scores([{ title: 'shocking' }, { title: 'calm' }])[0]!)).toBeLessThan(0.01)
  expect(Math.sqrt(prior.variance)).toBeGreaterThan(0.1)
  expect(Math.sqrt(prior.variance)).toBeLessThan(0.6)
})

test('empty titles, tests without sends, of one title, or without clicks are no harm', async () => {
  const tests: TitleTest[] = [
    { titles: [] },
    { titles: [{ title: '', effectiveSends: 0, clicks: 0 }] },
    { titles: [{ title: 'one', effectiveSends: 100, clicks: 3 }] },
    { titles: ['', 'two'].map(title => ({ title, effectiveSends: 100, clicks: 0 })) },
  ]
  const prior = await TitlePrior.train(tests, { pool })
  expect([...prior.scores([{ title: '' }, { title: 'x' }])].every(Number.isFinite)).toBe(true)
  expect(prior.scores([])).toEqual(new Float64Array())
})

test('the same tests give the same prior, and a saved one says the same', async () => {
  const tests = testsOf(40, 6)
  const [prior, again] = [
    await TitlePrior.train(tests, { pool, vectors: hashedVectors }),
    await TitlePrior.train(tests, { pool, vectors: hashedVectors }),
  ]
  const titles = [{ title: 'shocking park' }, { title: '날씨' }]
  expect(again.scores(titles)).toEqual(prior.scores(titles))
  const path = join(freshFolder(), 'titles')
  await prior.save(path)
  await prior.save(path)
  const opened = TitlePrior.open(path, { vectors: hashedVectors })
  expect(opened.scores(titles)).toEqual(prior.scores(titles))
  expect(opened.variance).toBe(prior.variance)
  expect(() => TitlePrior.open(path)).toThrow('must be opened with word vectors of 8 factors, got none')
})
