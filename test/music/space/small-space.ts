import type { SongSpaceParts } from '../../../src/music/space/artifact.ts'

/** Three songs, of which nothing is known of the last, with two tags in the plane. */
export function smallSpace(): SongSpaceParts {
  return {
    rank: 2,
    songs: ['rain', 'sun', 'unknown'],
    tags: ['calm', 'lively'],
    vectors: Float32Array.of(0.6, 0.8, 1, 0, 0, 0),
    tagVectors: Float32Array.of(0, 1, 1, 0),
    songTags: {
      rows: 3,
      columns: 2,
      indptr: BigUint64Array.of(0n, 2n, 3n, 3n),
      indices: Uint32Array.of(0, 1, 1),
      weights: Float32Array.of(1, 0.25, 1),
    },
    energy: Float32Array.of(0.25, 1, Number.NaN),
    listeners: Uint32Array.of(12, 0, 0),
    coordinates: Float32Array.of(-1, 0.5, 1, -0.5, 0, 0),
    sources: ['both', 'features', undefined],
    details: [
      { title: 'Rain, 비', artist: 'A', duration: 181.5, file: '/music/rain.flac' },
      { title: 'Sun', artist: undefined, duration: undefined, file: undefined },
      {},
    ],
    made: { lambda: 3 },
  }
}
