/** Jobs of `PreferenceModel` on worker threads. */
import { native } from '../../native.ts'
import { hasBit } from '../../search/bitmap.ts'
import {
  type ArticleQuery,
  featuresOf,
  firstProduct,
  productNames,
  type SharedUsers,
  scalarFeatures,
  UsualLogits,
} from './features.ts'

export interface BaseArgs {
  readonly users: SharedUsers
  readonly article: ArticleQuery
  /** (features) Of the blend. */
  readonly coefficients: Float64Array
  /** What the products of users with factors are shifted by, all together. */
  readonly shift: number
  /** Of the users who may come, a bit each. */
  readonly eligible: Uint32Array | undefined
  /** (users) Overwritten. */
  readonly base: Float32Array
  readonly chunkRows: number
  readonly next: Int32Array
}

/** Writes what users score by their scalar features, NaN where they may not come, of the chunks that this call took. */
export function base({ users, article, coefficients, shift, base, eligible, chunkRows, next }: BaseArgs): void {
  const rows = new Uint32Array(chunkRows)
  const out = new Float32Array(chunkRows * firstProduct)
  const usual = new UsualLogits(article.priors)
  for (;;) {
    const first = Atomics.add(next, 0, 1) * chunkRows
    if (first >= base.length) return
    const end = Math.min(base.length, first + chunkRows)
    let count = 0
    for (let user = first; user < end; user++) {
      if (!eligible || hasBit(eligible, user)) rows[count++] = user
      else base[user] = Number.NaN
    }
    scalarFeatures(users, article, rows.subarray(0, count), { usual, stride: firstProduct, out })
    for (let n = 0, cell = 0; n < count; n++) {
      const user = rows[n]!
      let sum = users.isKnown[user] === 1 ? -shift : 0
      for (let feature = 0; feature < firstProduct; feature++, cell++) sum += coefficients[feature]! * out[cell]!
      base[user] = sum
    }
  }
}

/** The features of the `rows`, of the chunks that this call took: where each chunk begins, and its values. */
export function values(args: {
  readonly users: SharedUsers
  readonly article: ArticleQuery
  readonly rows: Uint32Array
  readonly chunkRows: number
  readonly next: Int32Array
}): { readonly first: number; readonly values: Float32Array }[] {
  const parts: { first: number; values: Float32Array }[] = []
  for (;;) {
    const first = Atomics.add(args.next, 0, 1) * args.chunkRows
    if (first >= args.rows.length) return parts
    const rows = args.rows.subarray(first, first + args.chunkRows)
    parts.push({ first, values: featuresOf(args.users, args.article, rows) })
  }
}

export interface GramianArgs {
  readonly data: Float32Array
  readonly factors: number
  readonly chunkRows: number
  readonly partials: Float32Array
  readonly next: Int32Array
}

export function gramians({ data, factors, chunkRows, partials, next }: GramianArgs): void {
  native.partialGramians({ factors: data, rank: factors, chunkRows, next }, partials)
}

/** The sum of the shifts of a blend, for {@link base}. */
export function shiftOf({ shifts, scales }: ArticleQuery, coefficients: Float64Array): number {
  return productNames.reduce((sum, name, at) => {
    return sum + coefficients[firstProduct + 1 + at]! * shifts[name] * scales[name]
  }, 0)
}
