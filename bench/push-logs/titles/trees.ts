/**
 * Whether a headline's click rate is above that of its test: our boosted trees beside LightGBM's on the same features with the same
 * trees, leaves and learning rate, and the title prior's scores. Area under the ROC curve, its error by a bootstrap over tests.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Pool } from '../../../src/parallel/pool.ts'
import { trainEnsemble } from '../../../src/push/boosting/ensemble.ts'
import { styleNames, styleOf } from '../../../src/push/text/style.ts'
import { directionOf, type TextVectors } from '../../../src/push/text/vectors.ts'
import { mappedTensor, openSafetensors, vector, writeSafetensors } from '../../../src/storage/safetensors.ts'
import { tokensOf } from '../../../src/words/tokens.ts'
import { peersPython, runPeer } from '../../peers/python.ts'
import { atLeast, type Bar } from '../../support/bar.ts'
import { bootstrap } from './bootstrap.ts'
import type { HeldOutScores } from './choice.ts'
import { type HeadlineTest, testFolds } from './headline-tests.ts'

/** Most frequent words of the headlines that are learned from. */
const wordCount = 300
const settings = { trees: 100, leaves: 15, learningRate: 0.05, minimumRows: 20, l2: 1 }

interface Row {
  readonly test: HeadlineTest
  readonly title: string
  readonly label: number
}

/** A judged headline, and what each model says of it. */
interface Judged {
  readonly label: number
  readonly scores: readonly number[]
}

export async function judgeTrees(
  tests: readonly HeadlineTest[],
  vectors: TextVectors,
  {
    print,
    pool,
    scores,
  }: { readonly print: (line: object) => void; readonly pool: Pool; readonly scores: HeldOutScores },
): Promise<Bar[]> {
  const python = peersPython('main', ['lightgbm', 'numpy'])
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-trees-'))
  const several = tests.filter(({ titles }) => titles.length > 1)
  const judged: Judged[][] = []
  try {
    for (const fold of testFolds) {
      const learned = rowsOf(several.filter(test => test.fold !== fold))
      const held = several.filter(test => test.fold === fold)
      const features = featuresOf(learned, vectors)
      const labels = Float32Array.from(learned, ({ label }) => label)
      const [train, test] = [features(learned), features(rowsOf(held))]
      const ensemble = await trainEnsemble({ columns: byColumn(train, learned.length), labels }, settings, { pool })
      const ours = ensemble.scores(test)
      const theirs = await lightgbm(python, folder, { train, labels, test, rows: learned.length })
      let at = 0
      for (const each of held) {
        judged.push(
          rowsOf([each]).map(({ label }, title) => {
            const row = at++
            return { label, scores: [ours[row]!, theirs[row]!, scores.get(each)![title]!] }
          }),
        )
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const [ours, theirs, prior] = [0, 1, 2].map(model => bootstrap(judged, sample => areaOf(sample.flat(), model), 300))
  const differences = [0, 2].map(model =>
    bootstrap(judged, sample => areaOf(sample.flat(), model) - areaOf(sample.flat(), 1), 300),
  )
  print({ auc: { trees: ours, lightgbm: theirs, titlePrior: prior } })
  print({ aucBesideLightgbm: { trees: differences[0], titlePrior: differences[1] } })
  return [
    atLeast('AUC of the trees beside that of lightgbm, in standard errors', differences[0]!.mean / theirs!.error, -1),
    atLeast(
      'AUC of the title prior beside that of lightgbm, in standard errors',
      differences[1]!.mean / theirs!.error,
      -1,
    ),
  ]
}

function rowsOf(tests: readonly HeadlineTest[]): Row[] {
  return tests.flatMap(test => {
    const rates = test.titles.map(({ clicks, effectiveSends }) => clicks / effectiveSends)
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
    return test.titles.map(({ title }, at) => ({ test, title, label: Number(rates[at]! > mean) }))
  })
}

/** Gives rows their style, their vector and which of the frequent words they have: (rows × features). */
function featuresOf(learned: readonly Row[], vectors: TextVectors): (rows: readonly Row[]) => Float32Array {
  const counts = new Map<string, number>()
  for (const { title } of learned)
    for (const word of new Set(tokensOf(title))) counts.set(word, (counts.get(word) ?? 0) + 1)
  const words = [...counts].sort((a, b) => b[1] - a[1]).slice(0, wordCount)
  const placeOf = new Map(words.map(([word], at) => [word, at]))
  const size = styleNames.length + vectors.factors + words.length
  return rows => {
    const values = new Float32Array(rows.length * size)
    rows.forEach(({ title }, row) => {
      const own = values.subarray(row * size, (row + 1) * size)
      own.set(styleOf(title))
      own.set(directionOf(vectors.textVector(title)), styleNames.length)
      for (const word of tokensOf(title)) {
        const place = placeOf.get(word)
        if (place !== undefined) own[styleNames.length + vectors.factors + place] = 1
      }
    })
    return values
  }
}

function byColumn(values: Float32Array, rows: number): Float32Array {
  const features = values.length / rows
  return Float32Array.from(values, (_, at) => values[(at % rows) * features + Math.floor(at / rows)]!)
}

async function lightgbm(
  python: string,
  folder: string,
  { train, labels, test, rows }: { train: Float32Array; labels: Float32Array; test: Float32Array; rows: number },
): Promise<Float32Array> {
  const features = train.length / rows
  const [file, out] = [join(folder, 'data'), join(folder, 'predictions')]
  for (const each of [file, out]) rmSync(each, { force: true })
  await writeSafetensors(file, {
    rows: { data: train, shape: [rows, features] },
    labels: vector(labels),
    judged: { data: test, shape: [test.length / features, features] },
  })
  await runPeer(python, 'boosting.py', [file, out, JSON.stringify({ ...settings, threads: 2 })])
  const found = openSafetensors(out)
  const predictions = mappedTensor(found, 'predictions', Float32Array).data.slice()
  found.close()
  return predictions
}

/** How often a row with the label 1 has the larger score of two; equal ones count half. */
function areaOf(rows: readonly Judged[], model: number): number {
  const sorted = rows.map(({ label, scores }) => ({ label, score: scores[model]! })).sort((a, b) => a.score - b.score)
  let [ranks, positive] = [0, 0]
  for (let begin = 0, end = 0; begin < sorted.length; begin = end) {
    while (end < sorted.length && sorted[end]!.score === sorted[begin]!.score) end++
    for (let at = begin; at < end; at++) {
      if (sorted[at]!.label !== 1) continue
      ranks += (begin + 1 + end) / 2
      positive++
    }
  }
  return (ranks - (positive * (positive + 1)) / 2) / (positive * (sorted.length - positive))
}
