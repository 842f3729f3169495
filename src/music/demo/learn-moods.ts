import { join } from 'node:path'
import type { SongTagger } from '../space/song-tagger.ts'
import type { Mood } from '../synthesis/moods.ts'
import { analyseFiles } from '../tagger/analysis/analyse.ts'
import { labelledClips } from '../tagger/clips/clips.ts'
import { measurePredictions, type TaggerMeasure } from '../tagger/training/measure.ts'
import { trainTagger } from '../tagger/training/train.ts'
import { type Collection, fileOf, type Tables } from './collection.ts'
import type { StepContext } from './step.ts'

/** Small, so that it learns in a minute on two cores. */
const taggerOptions = { width: 16, blocks: 4, frames: 256, embedding: 128, epochs: 64, batch: 32, seed: 1 }

/** What a tagger predicts of a sound. */
type Analysis = Awaited<ReturnType<SongTagger['analyse']>>

export interface AnalysedSongs {
  readonly labels: readonly string[]
  readonly embedding: number
  /** By path of the file. */
  readonly byFile: ReadonlyMap<string, Analysis>
  /** Of the songs that were not labelled. */
  readonly measure: TaggerMeasure & { readonly songs: number }
}

/** Trains a tagger on the labelled songs, and has it analyse all. */
export async function learnMoods(collection: Collection, tables: Tables, context: StepContext): Promise<AnalysedSongs> {
  const { folder, songs, unlabelled, fresh } = collection
  const { pool, signal, onProgress } = context
  const tagger = join(folder, 'tagger')
  const clips = await labelledClips(tables.labels, { signal })
  await trainTagger(clips, tagger, taggerOptions, {
    pool,
    signal,
    validation: 0,
    onReading: ({ files, of }) => onProgress('reading sounds', files / of),
    onProgress: ({ done, slicesPerSecond }) =>
      onProgress('learning moods', done, `, ${Math.round(slicesPerSecond)} slices/s`),
  })
  signal.throwIfAborted()
  const files = songs.map(song => fileOf(collection, song))
  const byFile = new Map<string, Analysis>()
  for await (const analysis of analyseFiles(tagger, files, { pool, signal })) {
    if ('fault' in analysis) throw new Error(analysis.fault)
    byFile.set(analysis.file, analysis)
    onProgress('analysing all songs', byFile.size / files.length)
  }
  const [first] = byFile.values()
  const tested = [...unlabelled, ...fresh]
  const probabilities = tested.flatMap(song => [...byFile.get(fileOf(collection, song))!.probabilities])
  const targets = tested.flatMap(song => clips.labels.map(label => (song.moods.has(label as Mood) ? 1 : 0)))
  const found = measurePredictions(
    Float32Array.from(probabilities),
    Float32Array.from(targets),
    clips.labels,
    clips.kind,
  )
  return {
    labels: clips.labels,
    embedding: first!.embedding.length,
    byFile,
    measure: Object.assign({ songs: tested.length }, found),
  }
}
