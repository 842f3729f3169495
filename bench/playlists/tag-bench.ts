import { join } from 'node:path'
import { bootstrapIntervals } from '../../src/evaluation/significance/bootstrap.ts'
import { compareUsers } from '../../src/evaluation/significance/compare.ts'
import { meansOf, type UserValues } from '../../src/evaluation/significance/user-values.ts'
import { type HeldOut, heldOut, type Pairs } from '../../src/evaluation/splits/held-out.ts'
import { splitDataset } from '../../src/evaluation/splits/split.ts'
import type { Pool } from '../../src/parallel/pool.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { atLeast, type Bar } from '../support/bar.ts'
import { neighbourTagScores, type TagNeighbours, tagNeighbourGrid } from './tag-neighbours.ts'
import { judgeTagged, judgeTagsBy, type TaggedPart, type TagWay, tagWays, withTags } from './tagged.ts'
import { articleTags, listenerTags, type PlaylistTags } from './tags.ts'

type Options = Readonly<Record<string, unknown>>

interface TagRun {
  readonly pool: Pool
  readonly folder: string
  readonly print: (line: object) => void
}

interface Songs {
  readonly train: Dataset
  readonly test: Pairs
  readonly held: HeldOut
  /** Of the autoencoder of songs alone. */
  readonly options: Options
  /** What that reached. */
  readonly plain: UserValues
}

const seed = 12

/** What an autoencoder with tags is chosen from. */
const grid: readonly Options[] = [
  { tagWeight: 0.1, itemsOnly: 0.5, tagsOnly: 0.1 },
  { tagWeight: 0.5, itemsOnly: 0.5, tagsOnly: 0.1 },
]

/** The tags of a dataset's playlists; undefined where they have none. */
function tagsOf(name: string): ((train: Dataset, test: Pairs) => PlaylistTags) | undefined {
  if (name === 'hetrec-lastfm') return (train, test) => listenerTags(train, test, seed)
  return name === 'citeulike-a' ? articleTags : undefined
}

/** Tags by the autoencoder and by neighbours, and songs with tags and without. */
export async function tagBench(name: string, songs: Songs, run: TagRun): Promise<Bar[]> {
  const find = tagsOf(name)
  if (!find) return []
  const { chosen, way, ways } = await chosenOptions(name, find, songs, run)
  const tags = find(songs.train, songs.test)
  const train = await withTags(songs.train, tags, join(run.folder, 'tagged'))
  const part: TaggedPart = { train, held: songs.held, tags }
  const found = await judgeTagged(part, chosen, run)
  const [baseline] = judgeTagsBy(songs.held, tags, neighbourTagScores(part, [ways])) as [UserValues]
  train.close()
  const toldTags = found.tags[way]!
  for (const [what, values] of [
    ['songs by given songs, of a model with tags', found.bySongs],
    ['songs by given songs and tags', found.byBoth],
    [`tags by the autoencoder: ${way}`, toldTags],
    ['tags by the tags of neighbours', baseline],
  ] as const) {
    run.print({
      dataset: name,
      model: what,
      playlists: values.rows.length,
      metrics: meansOf(values),
      intervals: bootstrapIntervals([values]),
    })
  }
  run.print({ dataset: name, tags: tags.train.ids.length, options: chosen, way, neighbours: ways })
  for (const [what, values] of [
    ['songs by given songs: with the head of tags less without', found.bySongs],
    ['songs by given songs and tags less by songs, of a model without tags', found.byBoth],
  ] as const) {
    run.print({ dataset: name, compared: what, ...compareUsers([songs.plain], [values]).metrics })
  }
  const { metrics } = compareUsers([baseline], [toldTags])
  run.print({ dataset: name, compared: 'tags: autoencoder less neighbours', ...metrics })
  const lower = metrics['tag_ndcg@10']!.interval[0]
  return [atLeast(`${name}, tag_ndcg@10: autoencoder less neighbours, lower bound`, lower, 0)]
}

/** The best for tags of both grids, on playlists of the training. */
async function chosenOptions(
  name: string,
  find: NonNullable<ReturnType<typeof tagsOf>>,
  { train, options }: Songs,
  run: TagRun,
): Promise<{ readonly chosen: Options; readonly way: TagWay; readonly ways: TagNeighbours }> {
  const { train: most, test } = splitDataset(train, { kind: 'users', share: 1 / 6, found: 0.5, seed })
  const directory = join(run.folder, 'tag-validation')
  await writeDataset(directory, most, { replace: true })
  const plain = Dataset.open(directory)
  const tags = find(plain, test)
  const tagged = await withTags(plain, tags, join(run.folder, 'tag-validation-tagged'))
  const part: TaggedPart = { train: tagged, held: heldOut(test, tagged), tags }
  let best: { options: Options; way: TagWay; score: number } | undefined
  for (const tagOptions of grid.slice(0, name === 'citeulike-a' ? 1 : undefined)) {
    const found = await judgeTagged(part, { ...options, ...tagOptions }, run)
    for (const way of tagWays) {
      const values = found.tags[way]
      if (!values) continue
      const score = meansOf(values)['tag_ndcg@10']!
      run.print({ dataset: name, validation: tagOptions, way, tags: score, songs: meansOf(found.bySongs) })
      if (!best || score > best.score) best = { options: { ...options, ...tagOptions }, way, score }
    }
  }
  const baselines = judgeTagsBy(part.held, tags, neighbourTagScores(part, tagNeighbourGrid))
  const means = baselines.map(values => meansOf(values)['tag_ndcg@10']!)
  const highest = means.indexOf(Math.max(...means))
  run.print({ dataset: name, validation: tagNeighbourGrid[highest], tags: means[highest] })
  for (const dataset of [plain, tagged]) dataset.close()
  return { chosen: best!.options, way: best!.way, ways: tagNeighbourGrid[highest]! }
}
