/** What the steps of the demonstration say. */
import type { Collection } from '../../music/demo/collection.ts'
import type { AnalysedSongs } from '../../music/demo/learn-moods.ts'
import type { PlaylistMeasure } from '../../music/demo/learn-playlists.ts'
import type { MixMeasure } from '../../music/demo/mix-moods.ts'
import type { SpaceMeasure } from '../../music/demo/place-songs.ts'
import { meanAgreement } from '../../music/demo/truth.ts'
import { moods } from '../../music/synthesis/moods.ts'
import type { DatasetManifest } from '../../storage/dataset.ts'
import { table } from '../terminal/table.ts'

const count = (n: number) => n.toLocaleString('en')
const percent = (share: number) => `${(100 * share).toFixed(0)} %`

export function collectionInWords({ songs, labelled, unlabelled, fresh, playlists }: Collection): string {
  const minutes = songs.reduce((sum, { seconds }) => sum + seconds, 0) / 60
  const artists = new Set(songs.map(({ artist }) => artist)).size
  const listeners = new Set(playlists.map(({ listener }) => listener)).size
  return [
    `${count(songs.length)} songs of ${artists} artists, ${minutes.toFixed(0)} minutes of sound, each of one to three of ${moods.length} moods: ${moods.join(', ')}`,
    `${count(playlists.length)} playlists by ${count(listeners)} listeners, each for a mood or two that the listener likes, and tagged so`,
    `the moods of ${labelled.length} songs are given; those of ${unlabelled.length} with listeners, and of ${fresh.length} without, are not`,
  ].join('\n')
}

export function playlistsInWords({
  manifest,
  measures,
}: {
  readonly manifest: DatasetManifest
  readonly measures: readonly PlaylistMeasure[]
}): string {
  const rows = measures.map(({ model, ndcg, rPrecision }) => [model, ndcg.toFixed(3), rPrecision.toFixed(3)])
  const header = [`half of ${measures[0]!.playlists} playlists that the training lacks`, 'ndcg@20', 'r-precision']
  const size = `${count(manifest.users)} playlists of ${count(manifest.items)} songs, with ${count(manifest.pairs)} entries in all`
  return `${size}\n${table([header, ...rows])}`
}

export function moodsInWords({ measure }: AnalysedSongs): string {
  const { labels } = measure
  const number = (value: number) => (Number.isNaN(value) ? '–' : value.toFixed(2))
  const all = labels.reduce((sum, { clips }) => sum + clips, 0)
  const songs = measure.songs
  const rows = labels.map(({ label, clips, averagePrecision }) => [
    label,
    number(averagePrecision),
    number(clips / songs),
  ])
  const header = [`average precision on ${songs} songs whose moods were not given`, 'learned', 'at random']
  const mean = measure.meanAveragePrecision ?? Number.NaN
  const chance = all / songs / labels.length
  return table([header, ...rows, ['mean', number(mean), number(chance)]])
}

export function spaceInWords({ fresh, labelled, unlabelled }: Collection, measure: SpaceMeasure): string {
  const line = (songs: number, what: string, { found, chance }: SpaceMeasure['fresh']) => [
    `${songs} songs ${what}`,
    percent(found),
    percent(chance),
  ]
  return [
    table([
      ['of the 10 nearest songs, those that have the main mood', 'in the space', 'at random'],
      line(fresh.length, 'without listeners, by their sound', measure.fresh),
      line(labelled.length + unlabelled.length, 'with listeners', measure.others),
    ]).trimEnd(),
    `energy by sound and true energy: rank correlation ${measure.energy.toFixed(2)}`,
  ].join('\n')
}

export function mixesInWords({ mixes, example }: MixMeasure): string {
  const rows = [1, 2].flatMap(size => {
    const some = mixes.filter(({ wanted }) => wanted.length === size)
    const { found, chance } = meanAgreement(some)
    const what = size === 1 ? 'each mood' : `${some.length} pairs of moods that go together`
    return some.length === 0 ? [] : [[what, percent(found), percent(chance)]]
  })
  const list = example.songs.map(({ song }, at) => [
    at + 1,
    `${song.title} – ${song.artist}`,
    [...song.moods.keys()].join(', '),
  ])
  const [first] = example.songs
  return [
    table([[`of ${example.songs.length} songs mixed for it, those that have it`, 'mixed', 'at random'], ...rows]),
    `${example.wanted.join(' and ')}, with what is true of each:`,
    table(list),
    first ? `why the first: ${first.why}` : '',
  ].join('\n')
}
