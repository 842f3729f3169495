import { index } from './opened.ts'

export interface SimilarArgs {
  readonly item: number
  readonly limit: number
}

export interface SimilarItems {
  readonly items: Uint32Array
  /** Cosines, falling. */
  readonly scores: Float32Array
}

/** The items most like one, without itself. */
export function similar({ item, limit }: SimilarArgs): SimilarItems {
  const { items, scores } = index.similar(Uint32Array.of(item), { limit })
  const end = items.indexOf(0xffffffff)
  return end < 0 ? { items, scores } : { items: items.subarray(0, end), scores: scores.subarray(0, end) }
}
