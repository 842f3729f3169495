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
 * What the options of each model are chosen from, by a validation part of the training playlists: of the rivals as many as of the
 * autoencoder or more, of the options that matter most; but of EASE its defaults, since it takes minutes where machines are busy.
 */
export const grids: Readonly<Record<string, readonly Options[]>> = {
  autoencoder: [{}, { corruptionSpread: 0 }, { corruptionSpread: 1, epochs: 30 }, { targets: 'all', decay: 0.5 }],
  als: product(
    [0.03, 0.1, 0.2, 0.3].map(unobservedWeight => ({ unobservedWeight })),
    [0.01, 0.03, 0.1].map(regularization => ({ regularization })),
    weightings,
    [{}, { frequencyExponent: 0.75 }],
  ),
  ease: [{}],
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
