type Options = Readonly<Record<string, unknown>>

function product(...axes: readonly (readonly Options[])[]): Options[] {
  return axes.reduce<Options[]>(
    (all, axis) => all.flatMap(options => axis.map(more => ({ ...options, ...more }))),
    [{}],
  )
}

/** What a pair counts: all alike, since no pair has a weight, or the more the rarer the item is. */
const weightings: readonly Options[] = [{}, { weighting: 'tfidf' }]

/**
 * What the options of each model are chosen from, by a validation part of the training playlists: of the rivals that train fast more than
 * of the autoencoder; of EASE and of the graph filter, whose training takes minutes where machines are busy, of their strength alone.
 */
export const grids: Readonly<Record<string, readonly Options[]>> = {
  autoencoder: [
    ...product(
      [0.5, 0.65, 0.8].map(corruption => ({ corruption })),
      [0.3, 0.7].map(decay => ({ decay })),
    ),
    { corruptionSpread: 0 },
    { batch: 64, decay: 0.5 },
  ],
  als: product(
    [64, 128, 200].map(factors => ({ factors })),
    [0.01, 0.05, 0.1, 0.2].map(unobservedWeight => ({ unobservedWeight })),
    [
      ...[0.03, 0.1, 0.3].map(regularization => ({ regularization })),
      ...[0.003, 0.01, 0.03].map(regularization => ({ regularization, frequencyExponent: 0.75 })),
    ],
  ),
  'graph-filter': [0.2, 0.3, 0.4].map(itemExponent => ({ itemExponent })),
  ease: [0.7, 1.5, 4].map(regularization => ({ regularization })),
  neighbours: product(
    ['cosine', 'tfidf', 'bm25', 'rp3beta'].map(similarity => ({ similarity })),
    [50, 100, 200, 400].map(neighbours => ({ neighbours })),
    weightings,
  ),
  bpr: product(
    [0.03, 0.1].map(learningRate => ({ learningRate })),
    [0.001, 0.01].map(regularization => ({ regularization })),
    weightings,
  ),
}
