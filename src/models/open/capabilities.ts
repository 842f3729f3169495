/** What models of some algorithms can do beside ranking. */
import type { SimilarMeasure } from '../algorithm.ts'

export const capabilities = ['similar', 'foldIn', 'vectors'] as const
export type Capability = (typeof capabilities)[number]

const meaning: Record<Capability, string> = {
  similar: 'find similar items',
  foldIn: 'make vectors of histories',
  vectors: 'give vectors of users and items',
}

const withVectors = ['als', 'autoencoder', 'bpr', 'word2vec', 'graph-filter']

/** Algorithms whose models can, by default: those that are made of others can where one of their parts can. */
export const algorithmsWith: Readonly<Record<Capability, readonly string[]>> = {
  similar: [...withVectors, 'ease', 'neighbours', 'transitions', 'session-neighbours', 'slist'],
  foldIn: withVectors,
  vectors: withVectors,
}

/** The algorithm of a model lacks this capability, or can do it in other ways only. */
export class UnsupportedError extends TypeError {
  constructor(
    algorithm: string,
    capability: Capability,
    way = '',
    // One of these may lack it by its options.
    remedy = `train another algorithm for that: ${algorithmsWith[capability].filter(name => name !== algorithm).join(', ')}`,
  ) {
    super(`a model of ${algorithm} cannot ${meaning[capability]}${way}: ${remedy}`)
    this.name = 'UnsupportedError'
  }
}

/** @throws {UnsupportedError} where a model that finds similar items by the measures `known` cannot by `measure`. */
export function assertMeasure(
  algorithm: string,
  known: readonly SimilarMeasure[],
  measure: SimilarMeasure | undefined,
): void {
  if (measure === undefined || known.includes(measure)) return
  const remedy = known.length > 0 ? `ask for ${known.join(' or ')}` : 'name no measure'
  throw new UnsupportedError(algorithm, 'similar', ` by ${measure}`, remedy)
}
