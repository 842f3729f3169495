type Options = Readonly<Record<string, unknown>>

function product(...axes: readonly (readonly Options[])[]): Options[] {
  return axes.reduce<Options[]>(
    (all, axis) => all.flatMap(options => axis.map(more => ({ ...options, ...more }))),
    [{}],
  )
}

/** What a pair counts: all alike, since no pair has a weight, or the more the rarer the item is. */
const weightings: readonly Options[] = [{}, { weighting: 'tfidf' }]

/** An autoencoder of as many networks as are wide enough each. */
const wide: Options = { factors: 1020, networks: 3 }

/**
 * What the options of each model are chosen from, by a validation part of the training playlists: of ALS, neighbours
 * and the others that train in a second or less far more than of the autoencoder, whose four candidates are two for long playlists (half is
 * hidden) and two for short ones, found by the search that its options document; of EASE, which takes half a minute each, one.
 */
const grids: Readonly<Record<string, readonly Options[]>> = {
  autoencoder: [
    { ...wide, refinement: 1.5 },
    { ...wide, refinement: 2 },
    { ...wide, corruption: 0.8, epochs: 20 },
    { ...wide, corruption: 0.7, epochs: 20, targets: 'all', decay: 1 },
  ],
  als: product(
    [64, 128, 200, 300].map(factors => ({ factors })),
    [0.01, 0.05, 0.1, 0.2].map(unobservedWeight => ({ unobservedWeight })),
    [
      ...[0.03, 0.1, 0.3].map(regularization => ({ regularization })),
      ...[0.003, 0.01, 0.03, 0.06].map(regularization => ({ regularization, frequencyExponent: 0.75 })),
    ],
  ),
  'graph-filter': [0.2, 0.3, 0.4].map(itemExponent => ({ itemExponent })),
  ease: [{ regularization: 1.5 }],
  neighbours: product(
    ['cosine', 'tfidf', 'bm25', 'rp3beta'].map(similarity => ({ similarity })),
    [50, 100, 200, 400, 800].map(neighbours => ({ neighbours })),
    weightings,
  ),
  bpr: product(
    [0.03, 0.1].map(learningRate => ({ learningRate })),
    [0.001, 0.01].map(regularization => ({ regularization })),
    weightings,
  ),
}

/** Of citeulike-a, where trainings take longest, an autoencoder of the first two candidates, and ALS of up to 128 factors. */
export function gridOf(dataset: string, model: string): readonly Options[] {
  const most = dataset === 'citeulike-a' ? { autoencoder: 2, als: 56 }[model] : undefined
  return grids[model]!.slice(0, most)
}
