import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { native } from '../../src/native.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { sequenceEnd } from '../../src/skip-gram/corpus.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { openSafetensors } from '../../src/storage/safetensors.ts'
import type { WordsOptions } from '../../src/words/options.ts'
import { readText } from '../../src/words/text-corpus.ts'
import { type TrainWords, trainWords, type WordsProgress } from '../../src/words/train.ts'
import { WordVectors } from '../../src/words/word-vectors.ts'
import { aurochs } from '../cli/aurochs.ts'
import { freshFolder } from '../storage/folder.ts'

const pools = [1, 2, 3].map(threads => new Pool({ threads }))
const pool = pools[1]!
afterAll(() => Promise.all(pools.map(pool => pool.close())))

const topics = [
  ['영화', '배우', '감독', '연기', '영화를', '영화가'],
  ['music', 'song', 'singer', 'album', 'songs', 'musical'],
]

/** Lines of words of one topic each. */
function text(lines = 400, seed = 1): string[] {
  const random = randomNumbers(seed)
  return Array.from({ length: lines }, () => {
    const topic = topics[Math.floor(random() * 2)]!
    return Array.from({ length: 6 }, () => topic[Math.floor(random() * topic.length)]).join(' ')
  })
}

const small: Partial<WordsOptions> = { factors: 8, epochs: 6, subsampling: 0, learningRate: 0.1, minCount: 2, seed: 5 }

async function learned(
  given: Partial<WordsOptions> = {},
  {
    directory = join(freshFolder(), 'words'),
    lines = text(),
    ...context
  }: Partial<TrainWords> & {
    directory?: string
    lines?: readonly string[]
  } = {},
): Promise<string> {
  await trainWords(lines, directory, { ...small, ...given }, { pool, ...context })
  return directory
}

const tensorsOf = (directory: string) => readFileSync(join(directory, 'tensors.safetensors'))

test('a text is read as sequences of numbers of its frequent words', async () => {
  const lines = ['b a a', 'rare a', ['', 'c b', '...']]
  const read = await readText(lines, { minCount: 2, folder: freshFolder() })
  expect([read.words, [...read.counts], read.read]).toEqual([['a', 'b'], [3, 2], 7])
  const bytes = readFileSync(read.corpus.tokens as string)
  const tokens = [...new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)]
  const { formerOf } = read.arrangement
  expect(tokens.map(row => (row === sequenceEnd ? '|' : read.words[formerOf[row]!]))).toEqual([
    'b',
    'a',
    'a',
    '|',
    'a',
    '|',
    'b',
    '|',
  ])
  await expect(readText(['a b'], { minCount: 2, folder: freshFolder() })).rejects.toThrow(
    'no word occurs 2 times among the 2 of the text: expected one that does; read more text, or count rarer words (minCount, --min-count)',
  )
})

test('of too many different words the rarest are dropped, and frequent ones stay', async () => {
  const lines = Array.from({ length: 500 }, (_, at) => `often word${at} always`)
  const { words, counts } = await readText(lines, { minCount: 2, folder: freshFolder(), mostWords: 50 })
  expect([words, [...counts]]).toEqual([
    ['often', 'always'],
    [500, 500],
  ])
})

test.each(['none', 'characters', 'jamo'] as const)(
  'words of a topic are near each other, with n-grams of %s',
  async subwords => {
    const vectors = WordVectors.open(await learned({ subwords, minGram: 2, maxGram: 4 }))
    for (const topic of topics) {
      for (const word of topic) {
        const near = vectors.nearest(word, topic.length - 1).map(({ word }) => word)
        expect(near.toSorted()).toEqual(topic.filter(other => other !== word).toSorted())
      }
    }
    const cosine = (a: Float32Array, b: Float32Array) =>
      a.reduce((sum, x, f) => sum + x * b[f]!, 0) / Math.hypot(...a) / Math.hypot(...b)
    const title = vectors.textVector('감독의 영화, 배우!')
    expect(cosine(title, vectors.vector('연기')!)).toBeGreaterThan(cosine(title, vectors.vector('album')!))
    expect([...vectors.textVector('unknown 낱말')].every(Number.isFinite)).toBe(true)
    const unseen = vectors.vector('영화에')
    if (subwords === 'none') {
      expect(unseen).toBeUndefined()
      expect(() => vectors.nearest('영화에')).toThrow(
        '"영화에" must be a word that was learned, or have n-grams that were',
      )
    } else {
      expect(vectors.nearest('영화에', 1)[0]!.word).toMatch(/^영화/)
      expect(vectors.vector('zzz')).toBeUndefined()
    }
    expect([vectors.countOf('영화') > 100, vectors.countOf('없다')]).toEqual([true, 0])
    vectors.close()
  },
)

test('the vector of a text is the weighted mean of its words', async () => {
  const vectors = WordVectors.open(await learned())
  const total = Array.from({ length: vectors.size }, (_, at) => vectors.countOf(vectors.wordAt(at))).reduce(
    (a, b) => a + b,
  )
  const weight = (word: string) => 0.01 / (0.01 + vectors.countOf(word) / total)
  const [a, b] = ['영화', 'song']
  const expected = Array.from({ length: 8 }, (_, f) => {
    const sum = 2 * weight(a!) * vectors.vector(a!)![f]! + weight(b!) * vectors.vector(b!)![f]!
    return sum / (2 * weight(a!) + weight(b!))
  })
  vectors.textVector('영화 Song! 영화 unknown', { smoothing: 0.01 }).forEach((value, f) => {
    expect(value).toBeCloseTo(expected[f]!, 5)
  })
  const plain = vectors.textVector('영화 song', { smoothing: Number.POSITIVE_INFINITY })
  plain.forEach((value, f) => {
    expect(value).toBeCloseTo((vectors.vector(a!)![f]! + vectors.vector(b!)![f]!) / 2, 5)
  })
  expect([...vectors.textVector('없는 낱말')]).toEqual(Array(8).fill(0))
  expect(() => vectors.textVector('영화', { smoothing: 0 })).toThrow('smoothing must be above 0, got 0')
})

test.each(['none', 'jamo'] as const)(
  'any number of workers gives the same bytes, with n-grams of %s',
  async subwords => {
    const [expected, ...others] = await Promise.all(
      pools.map(async pool => tensorsOf(await learned({ subwords }, { pool }))),
    )
    for (const other of others) expect(other.equals(expected!)).toBe(true)
  },
)

test.each(['none', 'characters'] as const)(
  'an interrupted training goes on to the same bytes as one that was not, with n-grams of %s',
  async subwords => {
    const whole = await learned({ subwords })
    const controller = new AbortController()
    const onProgress = ({ epochs }: WordsProgress) => {
      if (epochs.done === 2) controller.abort()
    }
    const directory = await learned({ subwords }, { signal: controller.signal, onProgress })
    const widest = native.instructionSets().find(name => name !== 'avx512vnni')
    const stopped = { complete: false, epochs: 2, options: { instructions: widest } }
    expect(WordVectors.open(directory).manifest).toMatchObject(stopped)
    await trainWords(text(), directory, {}, { pool, resume: true })
    expect(WordVectors.open(directory).manifest.complete).toBe(true)
    expect(tensorsOf(directory).equals(tensorsOf(whole))).toBe(true)
    const resume = (lines: readonly string[], given: Partial<WordsOptions>) =>
      trainWords(lines, directory, given, { pool, resume: true })
    await expect(resume(text(401), {})).rejects.toThrow(`${directory} was learned of another text`)
    await expect(resume(text(), { window: 3 })).rejects.toThrow('was trained with window 5, not 3')
    await expect(resume(text(), { epochs: 1 })).rejects.toThrow('has had 6 epochs already')
  },
)

test('an interruption while the text is read leaves nothing', async () => {
  const folder = freshFolder()
  const reason = new Error('enough')
  const out = join(folder, 'words')
  await expect(trainWords(text(), out, small, { pool, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  expect(readdirSync(folder)).toEqual([])
})

test('what is there is replaced only when asked to, and wrong options are refused in words', async () => {
  const directory = await learned()
  const again = (given: object, context: Partial<TrainWords> = {}) =>
    trainWords(text(), directory, given, { pool, ...context })
  await expect(again({})).rejects.toThrow(`${directory} exists: choose another place`)
  await expect(again({ factors: 0 })).rejects.toThrow(
    'options of words: factors must be a whole number from 1 to 1024, got 0',
  )
  await expect(again({ minGram: 4, maxGram: 2 }, { replace: true })).rejects.toThrow(
    'minGram must be at most maxGram, got 4 and 2',
  )
  expect((await again({ ...small, epochs: 1 }, { replace: true })).epochs).toBe(1)
  writeFileSync(join(directory, 'mine.txt'), 'mine')
  await expect(again(small, { replace: true })).rejects.toThrow('mine.txt is not part of it')
})

test('damaged files are refused by name', async () => {
  const directory = await learned({ subwords: 'characters' })
  for (const name of readdirSync(directory)) {
    const copy = join(freshFolder(), 'copy')
    cpSync(directory, copy, { recursive: true })
    const bytes = readFileSync(join(copy, name))
    bytes[bytes.length >> 1]! ^= 1
    writeFileSync(join(copy, name), bytes)
    expect(() => WordVectors.open(copy)).toThrow(name)
  }
  const { tensors } = openSafetensors(join(directory, 'tensors.safetensors'))
  expect(Object.keys(tensors).sort()).toEqual(['buckets', 'counts', 'grams', 'index', 'outputs', 'own', 'words'])
})

test('the command learns the words of files, and prints those near others', async () => {
  const folder = freshFolder()
  const [file, out] = [join(folder, 'titles.txt'), join(folder, 'words')]
  writeFileSync(file, text().join('\n'))
  const options = ['--factors', '8', '--epochs', '8', '--subsampling', '0', '--learning-rate', '0.1']
  const trained = await aurochs('words', file, '--out', out, ...options)
  expect(trained.stderr).toBe('')
  expect(trained.stdout).toMatch(/words: 12 words of a text of 2,400, 8 epochs, loss 0\.\d+\n$/)
  const near = await aurochs('nearest-words', out, '배우', '--limit', '2', '--json')
  const [{ word, words }] = near.json() as [{ word: string; words: { word: string }[] }]
  expect([word, words.length, words.every(({ word }) => topics[0]!.includes(word))]).toEqual(['배우', 2, true])
  // As texts are read: in lower case, and composed.
  const other = await aurochs('nearest-words', out, 'Song', '영화'.normalize('NFD'), '--json')
  expect((other.json() as { word: string }[]).map(({ word }) => word)).toEqual(['song', '영화'])
  const unknown = await aurochs('nearest-words', out, 'nothing')
  expect([unknown.status, unknown.stderr]).toEqual([
    3,
    expect.stringMatching(/^aurochs: the word vectors know no word "nothing": they have 12 words like .+\n$/),
  ])
  const missing = await aurochs('words', join(folder, 'none.txt'), '--out', out, '--replace')
  expect([missing.status, missing.stderr]).toEqual([
    2,
    `aurochs: there is no file ${join(folder, 'none.txt')}: name text files, or - for standard input\n`,
  ])
  expect(existsSync(out)).toBe(true)
})
