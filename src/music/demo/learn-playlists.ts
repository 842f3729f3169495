import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { evaluate } from '../../evaluation/evaluate.ts'
import { parseMetrics } from '../../evaluation/metrics/metrics.ts'
import { heldOut } from '../../evaluation/splits/held-out.ts'
import { splitDataset } from '../../evaluation/splits/split.ts'
import { importTagged } from '../../ingest/import-tagged.ts'
import type { Algorithm, TrainProgress } from '../../models/algorithm.ts'
import { ModelPool } from '../../models/open/model-pool.ts'
import { algorithmNamed, baselineAlgorithm } from '../../models/registry.ts'
import { trainModel } from '../../models/training/train.ts'
import { Dataset, type DatasetManifest, writeDataset } from '../../storage/dataset.ts'
import type { Collection, Tables } from './collection.ts'
import type { StepContext } from './step.ts'

/** What learns from playlists and their tags. */
const playlistAlgorithm = algorithmNamed('autoencoder')

/** For some thousand playlists of few songs: as good as after the default, and sooner. */
const playlistOptions = { factors: 128, epochs: 30, batch: 64 }

/** Makes the dataset. */
export async function importPlaylists(
  { folder }: Collection,
  tables: Tables,
  { signal, onProgress }: StepContext,
): Promise<DatasetManifest> {
  return importTagged(
    {
      sources: [tables.playlists],
      user: 'playlist',
      item: 'song',
      out: join(folder, 'dataset'),
      signal,
      onProgress: ({ stage, done }) => onProgress(stage, done),
    },
    { sources: [tables.tags], user: 'playlist', tag: 'tag' },
  )
}

/** How well the rest of playlists is found from half of each; those playlists are not in the training. */
export interface PlaylistMeasure {
  readonly model: string
  readonly playlists: number
  readonly ndcg: number
  readonly rPrecision: number
}

const metrics = parseMetrics('ndcg@20,r_precision@20')

/** Learns of nine tenths of the playlists, and measures that beside the most popular songs; then learns of all. */
export async function learnPlaylists({ folder }: Collection, context: StepContext): Promise<PlaylistMeasure[]> {
  const dataset = Dataset.open(join(folder, 'dataset'))
  try {
    const measured = await measureHeldOut(dataset, folder, context)
    await learn(dataset, join(folder, 'model'), playlistAlgorithm, context)
    return measured
  } finally {
    dataset.close()
  }
}

async function measureHeldOut(dataset: Dataset, folder: string, context: StepContext): Promise<PlaylistMeasure[]> {
  const { train, test } = splitDataset(dataset, { kind: 'users', share: 0.1, found: 0.5, seed: 1 })
  const part = join(folder, 'part')
  await writeDataset(part, train)
  const training = Dataset.open(part)
  try {
    const held = heldOut(test, training)
    const measured: PlaylistMeasure[] = []
    for (const algorithm of [playlistAlgorithm, baselineAlgorithm]) {
      const model = join(folder, `measured-${algorithm.name}`)
      await learn(training, model, algorithm, context)
      const models = await ModelPool.open(model, { threads: context.pool.threads })
      try {
        const { metrics: found, users } = await evaluate(models, held, metrics, { signal: context.signal })
        const [ndcg, rPrecision] = metrics.map(({ name }) => found[name]!)
        measured.push({ model: algorithm.name, playlists: users, ndcg: ndcg!, rPrecision: rPrecision! })
      } finally {
        await models.close()
        await rm(model, { recursive: true, force: true })
      }
    }
    return measured
  } finally {
    training.close()
    await rm(part, { recursive: true, force: true })
  }
}

async function learn(
  dataset: Dataset,
  out: string,
  algorithm: Algorithm,
  { pool, signal, onProgress }: StepContext,
): Promise<void> {
  const report = ({ done }: TrainProgress) => onProgress(`learning playlists by ${algorithm.name}`, done)
  const options = algorithm === playlistAlgorithm ? playlistOptions : {}
  await trainModel(dataset, out, algorithm, options, { pool, signal, onProgress: report })
  signal.throwIfAborted()
}
