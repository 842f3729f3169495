type Options = Readonly<Record<string, unknown>>

function product(...axes: readonly (readonly Options[])[]): Options[] {
  return axes.reduce<Options[]>(
    (all, axis) => all.flatMap(options => axis.map(more => ({ ...options, ...more }))),
    [{}],
  )
}

/**
 * What the options of each model are chosen from, by a validation part of the training playlists: each grid is the part of larger ones that
 * was best on some dataset. Of the rivals that train fast there is more than of the autoencoder, whose three candidates are long playlists
 * (half is hidden), and two of short ones; of EASE and of the graph filter, whose training takes minutes where machines are busy, one.
 */
export const grids: Readonly<Record<string, readonly Options[]>> = {
  autoencoder: [
    { refinement: 1.5 },
    { corruption: 0.8, epochs: 20 },
    { corruption: 0.7, epochs: 20, targets: 'all', decay: 1 },
  ],
  als: product(
    [64, 128].map(factors => ({ factors })),
    [0.01, 0.1].map(unobservedWeight => ({ unobservedWeight })),
    [{ regularization: 0.1 }, { regularization: 0.3 }, { regularization: 0.03, frequencyExponent: 0.75 }],
  ),
  'graph-filter': [{ itemExponent: 0.3 }],
  ease: [{ regularization: 1.5 }],
  neighbours: product(
    ['cosine', 'tfidf', 'bm25', 'rp3beta'].map(similarity => ({ similarity })),
    [100, 200, 400].map(neighbours => ({ neighbours })),
  ),
  bpr: [0.03, 0.1].map(learningRate => ({ learningRate })),
}
