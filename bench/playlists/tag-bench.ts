import { join } from 'node:path'
import { compareUsers } from '../../src/evaluation/significance/compare.ts'
import type { UserValues } from '../../src/evaluation/significance/user-values.ts'
import type { Pairs } from '../../src/evaluation/splits/held-out.ts'
import type { Pool } from '../../src/parallel/pool.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { atLeast, type Bar } from '../support/bar.ts'
import { type PlaylistData, type PlaylistDataName, validationData } from './data.ts'
import { meansOfDraws, summary } from './summary.ts'
import { neighbourTagScores, type TagNeighbours, tagNeighbourGrid } from './tag-neighbours.ts'
import { judgeTagged, judgeTagsBy, type TaggedDraw, type TagWay, tagWays, withTags } from './tagged.ts'
import { articleTags, listenerTags, type PlaylistTags } from './tags.ts'

type Options = Readonly<Record<string, unknown>>

interface TagRun {
  readonly pool: Pool
  readonly folder: string
  readonly print: (line: object) => void
}

interface Songs extends PlaylistData {
  /** Of the autoencoder of songs alone. */
  readonly options: Options
  /** What that reached, of each draw. */
  readonly plain: readonly UserValues[]
}

type FindTags = (train: Dataset, test: Pairs, seed: number) => PlaylistTags

/** What an autoencoder with tags is chosen from. */
const grid: readonly Options[] = [
  { tagWeight: 0.1, itemsOnly: 0.5, tagsOnly: 0.1 },
  { tagWeight: 0.5, itemsOnly: 0.5, tagsOnly: 0.1 },
]

/** The tags of a dataset's playlists; undefined where they have none. */
function tagsOf(name: PlaylistDataName): FindTags | undefined {
  return { 'hetrec-lastfm': listenerTags, 'citeulike-a': articleTags, 'playlists-5k': undefined }[name]
}

/** Tags by the autoencoder and by neighbours, and songs with tags and without. */
export async function tagBench(name: PlaylistDataName, songs: Songs, run: TagRun): Promise<Bar[]> {
  const find = tagsOf(name)
  if (!find) return []
  const { chosen, way, neighbours } = await chosenOptions(name, find, songs, run)
  const draws = taggedDraws(songs, find)
  const train = await withTags(songs.train, draws[0]!.tags, join(run.folder, 'tagged'))
  const found = await judgeTagged(train, draws, chosen, run)
  const baseline = draws.map(draw => judgeTagsBy(draw, neighbourTagScores(train, draw, [neighbours]))[0]!)
  train.close()
  const predicted = found.tags[way]!
  for (const [what, values] of [
    ['songs by given songs, of a model with tags', found.bySongs],
    ['songs by given songs and tags', found.byBoth],
    ...tagWays.flatMap(each => {
      const ofWay = found.tags[each]
      return ofWay ? [[`tags by the autoencoder: ${each}`, ofWay] as const] : []
    }),
    ['tags by the tags of neighbours', baseline],
  ] as const) {
    run.print({ dataset: name, model: what, ...summary(values) })
  }
  run.print({ dataset: name, tags: draws[0]!.tags.train.ids.length, options: chosen, way, neighbours })
  for (const [what, values] of [
    ['songs by given songs: with the head of tags less without', found.bySongs],
    ['songs by given songs and tags less by songs, of a model without tags', found.byBoth],
  ] as const) {
    run.print({ dataset: name, compared: what, ...compareUsers(songs.plain, values).metrics })
  }
  const { metrics } = compareUsers(baseline, predicted)
  run.print({ dataset: name, compared: 'tags: autoencoder less neighbours', ...metrics })
  const lower = metrics['tag_ndcg@10']!.interval[0]
  return [atLeast(`${name}, tag_ndcg@10: autoencoder less neighbours, lower bound`, lower, 0)]
}

function taggedDraws({ train, draws }: PlaylistData, find: FindTags): readonly TaggedDraw[] {
  return draws.map(({ test, held, seed }) => ({ held, tags: find(train, test, seed) }))
}

/** The best for tags of both grids, on playlists of the training. */
async function chosenOptions(
  name: PlaylistDataName,
  find: FindTags,
  { train, options }: Songs,
  run: TagRun,
): Promise<{ readonly chosen: Options; readonly way: TagWay; readonly neighbours: TagNeighbours }> {
  const plain = await validationData(train, Number.POSITIVE_INFINITY, join(run.folder, 'tag-validation'))
  const draws = taggedDraws(plain, find)
  const tagged = await withTags(plain.train, draws[0]!.tags, join(run.folder, 'tag-validation-tagged'))
  let best: { options: Options; way: TagWay; score: number } | undefined
  for (const tagOptions of grid.slice(0, name === 'citeulike-a' ? 1 : undefined)) {
    const found = await judgeTagged(tagged, draws, { ...options, ...tagOptions }, run)
    for (const way of tagWays) {
      const values = found.tags[way]
      if (!values) continue
      const score = meansOfDraws(values)['tag_ndcg@10']!
      run.print({ dataset: name, validation: tagOptions, way, tags: score, songs: meansOfDraws(found.bySongs) })
      if (!best || score > best.score) best = { options: { ...options, ...tagOptions }, way, score }
    }
  }
  const baselines = draws.map(draw => judgeTagsBy(draw, neighbourTagScores(tagged, draw, tagNeighbourGrid)))
  const means = tagNeighbourGrid.map((_, way) => meansOfDraws(baselines.map(ofDraw => ofDraw[way]!))['tag_ndcg@10']!)
  const highest = means.indexOf(Math.max(...means))
  run.print({ dataset: name, validation: tagNeighbourGrid[highest], tags: means[highest] })
  for (const dataset of [plain.train, tagged]) dataset.close()
  return { chosen: best!.options, way: best!.way, neighbours: tagNeighbourGrid[highest]! }
}
