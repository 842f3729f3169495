/** Songs without listeners by the songs that have tags like theirs. */
import { rowOf } from '../../src/models/open/history.ts'
import { type Csr, transposed } from '../../src/storage/csr.ts'

export interface NeighbourOptions {
  /** Whether tags count how often they were given (as its logarithm), or once. */
  readonly counts: 'log' | 'once'
  /** Whether rare tags count more. */
  readonly idf: boolean
  /** Songs that are looked at: the most similar ones. */
  readonly neighbours: number
  /** Similarities by s common tags count s / (s + shrinkage). */
  readonly shrinkage: number
  /** The power of the sum of similarities that scores are divided by: 0 a sum, 1 a mean. */
  readonly division: number
}

const grid: readonly NeighbourOptions[] = (['once', 'log'] as const).flatMap(counts =>
  [false, true].flatMap(idf =>
    [0, 5].flatMap(shrinkage =>
      [50, 100, 200, 500, Number.POSITIVE_INFINITY].flatMap(neighbours =>
        [0, 0.5, 1].map(division => ({ counts, idf, neighbours, shrinkage, division })),
      ),
    ),
  ),
)

/** What is tried where tags were given several times, or each once. */
export function neighbourGrid(hasCounts: boolean): readonly NeighbourOptions[] {
  return grid.filter(({ counts }) => hasCounts || counts === 'once')
}

interface Similar {
  readonly song: number
  readonly cosine: number
  readonly common: number
}

/** Finds songs of a training whose tags are like those of others. */
class TagCosines {
  readonly #tags: Csr
  readonly #byTag: Csr
  readonly #values: Float64Array
  readonly #norms: Float64Array
  readonly #counts: NeighbourOptions['counts']

  /** @param isTraining (songs) 1 of those that are found. */
  constructor(tags: Csr, isTraining: Uint8Array, { counts, idf }: Pick<NeighbourOptions, 'counts' | 'idf'>) {
    this.#tags = tags
    this.#byTag = transposed(tags)
    this.#counts = counts
    const size = isTraining.reduce((sum, mark) => sum + mark, 0)
    this.#values = Float64Array.from({ length: tags.columns }, (_, tag) => {
      const having = rowOf(this.#byTag, tag).indices.reduce((sum, song) => sum + isTraining[song]!, 0)
      return idf ? Math.log(size / Math.max(1, having)) : 1
    })
    this.#norms = Float64Array.from(isTraining, (mark, song) => (mark === 1 ? this.#normOf(this.#tags, song) : 0))
  }

  similar(tags: Csr, song: number): Similar[] {
    const products = new Float64Array(this.#tags.rows)
    const common = new Uint16Array(this.#tags.rows)
    const { indices, weights } = rowOf(tags, song)
    indices.forEach((tag, at) => {
      const value = this.#valueOf(weights[at]!, tag)
      const { indices: others, weights: given } = rowOf(this.#byTag, tag)
      for (let place = 0; place < others.length; place++) {
        const other = others[place]!
        products[other]! += value * this.#valueOf(given[place]!, tag)
        common[other]!++
      }
    })
    const norm = this.#normOf(tags, song)
    const found: Similar[] = []
    for (let other = 0; other < products.length; other++) {
      if (products[other] === 0 || this.#norms[other] === 0 || other === song) continue
      found.push({ song: other, cosine: products[other]! / (norm * this.#norms[other]!), common: common[other]! })
    }
    return found
  }

  #valueOf(weight: number, tag: number): number {
    return (this.#counts === 'log' ? Math.log1p(weight) : 1) * this.#values[tag]!
  }

  #normOf(tags: Csr, song: number): number {
    const { indices, weights } = rowOf(tags, song)
    return Math.sqrt(indices.reduce((sum, tag, at) => sum + this.#valueOf(weights[at]!, tag) ** 2, 0))
  }
}

/** What songs of a training are known by, who listens to them, and others that are to be scored for users. */
export interface NeighbourTask {
  /** (songs × tags) */
  readonly tags: Csr
  /** (songs) 1 of those that have listeners and tags. */
  readonly isTraining: Uint8Array
  /** (songs × users) */
  readonly listeners: Csr
  /** (users) The row of a user in the scores, or -1. */
  readonly rowOfUser: Int32Array
  readonly rows: number
  readonly candidates: readonly number[]
  /** (songs × tags) Of the candidates. */
  readonly candidateTags: Csr
}

/** For each way of `ways`: (rows × candidates) the sum of the similarities of the songs that a user listens to. */
export function neighbourScores(task: NeighbourTask, ways: readonly NeighbourOptions[]): Float32Array[] {
  const scores = ways.map(() => new Float32Array(task.rows * task.candidates.length))
  for (const counts of ['once', 'log'] as const) {
    for (const idf of [false, true]) {
      const own = [...ways.keys()].filter(way => ways[way]!.counts === counts && ways[way]!.idf === idf)
      if (own.length === 0) continue
      const cosines = new TagCosines(task.tags, task.isTraining, { counts, idf })
      task.candidates.forEach((song, column) => {
        const similar = cosines.similar(task.candidateTags, song)
        for (const shrinkage of new Set(own.map(way => ways[way]!.shrinkage))) {
          const chosen = own.filter(way => ways[way]!.shrinkage === shrinkage)
          const weights = Float64Array.from(similar, ({ cosine, common }) => (cosine * common) / (common + shrinkage))
          const sizes = [...new Set(chosen.map(way => ways[way]!.neighbours))].sort((a, b) => a - b)
          addColumns(task, similar, weights, sizes, (neighbours, sums, total) => {
            for (const way of chosen) {
              if (ways[way]!.neighbours !== neighbours || total === 0) continue
              const divisor = total ** ways[way]!.division
              for (let row = 0; row < task.rows; row++) {
                scores[way]![row * task.candidates.length + column] = sums[row]! / divisor
              }
            }
          })
        }
      })
    }
  }
  return scores
}

/** Calls `take` for each of `sizes` with the sums of users over so many nearest songs, and the sum of their weights. */
function addColumns(
  { listeners, rowOfUser, rows }: NeighbourTask,
  similar: readonly Similar[],
  weights: Float64Array,
  sizes: readonly number[],
  take: (size: number, sums: Float64Array, total: number) => void,
): void {
  const descending = weights.toSorted().reverse()
  const sums = new Float64Array(rows)
  const isAdded = new Uint8Array(weights.length)
  let [count, total] = [0, 0]
  for (const size of sizes) {
    const least = descending[Math.min(size, weights.length) - 1] ?? 0
    // Of those that are as similar as the last one, the first.
    for (const isTie of [false, true]) {
      for (let at = 0; at < weights.length && count < size; at++) {
        const weight = weights[at]!
        if (isAdded[at] === 1 || (isTie ? weight !== least : weight <= least)) continue
        isAdded[at] = 1
        count++
        total += weight
        const { song } = similar[at]!
        for (let pair = Number(listeners.indptr[song]); pair < Number(listeners.indptr[song + 1]); pair++) {
          const row = rowOfUser[listeners.indices[pair]!]!
          if (row >= 0) sums[row]! += weight
        }
      }
    }
    take(size, sums, total)
  }
}
