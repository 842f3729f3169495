/** What `aurochs music build-space` says of what it built. */
import type { SongSpaceManifest } from '../../music/space/artifact.ts'
import type { BuiltSongSpace } from '../../music/space/build.ts'
import { leastSongs } from '../../music/space/map/feature-map.ts'
import type { SongRows } from '../../music/space/songs/read-songs.ts'

export interface SpaceSummary {
  readonly songs: number
  readonly tags: number
  readonly rank: number
  /** Songs by what their vectors rest on. */
  readonly sources: Readonly<Record<'listeners' | 'both' | 'features' | 'none', number>>
  readonly made: SongSpaceManifest['made']
  readonly ofModel: BuiltSongSpace['ofModel']
  /** Songs that have a file. */
  readonly files: number
  readonly failedFiles: BuiltSongSpace['failed']
  /** Of rows of tags, those whose song is not there. */
  readonly strayTags: number
  readonly badRows: number
  readonly firstBadRow: string | undefined
}

export function summaryOf(
  { songs, tags, rank, made }: SongSpaceManifest,
  { songs: rows, strayTags, badRows, firstBadRow }: SongRows,
  { parts, failed, ofModel }: BuiltSongSpace,
): SpaceSummary {
  const sources = { listeners: 0, both: 0, features: 0, none: 0 }
  for (const source of parts.sources) sources[source ?? 'none']++
  const files = rows.filter(({ file }) => file !== undefined).length
  return { songs, tags, rank, sources, made, ofModel, files, failedFiles: failed, strayTags, badRows, firstBadRow }
}

const count = (n: number, what: string) => `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`

export function summaryInWords(out: string, summary: SpaceSummary): string {
  const { songs, tags, rank, sources, files, failedFiles, strayTags, badRows, firstBadRow } = summary
  const lines = [
    `${out}: ${count(songs, 'song')} and ${count(tags, 'tag')}, ${rank} numbers a vector`,
    `by listeners ${sources.listeners}, by listeners and features ${sources.both}, by features ${sources.features}, unknown ${sources.none}`,
    ...mapInWords(summary),
  ]
  const [first] = failedFiles
  if (first) {
    const all = failedFiles.length === files ? ': is --audio-root the folder that their paths begin at?' : ''
    lines.push(
      `${failedFiles.length.toLocaleString('en')} of ${count(files, 'sound file')} could not be read; the first: ${first.message}${all}`,
    )
  }
  if (strayTags > 0)
    lines.push(
      `${count(strayTags, 'row')} of --tags ${strayTags === 1 ? 'is' : 'are'} of songs that are in no row of --songs`,
    )
  if (badRows > 0) lines.push(`${count(badRows, 'bad row')} left out; the first: ${firstBadRow}`)
  return `${lines.join('\n')}\n`
}

/** What was learned of the model. */
function mapInWords({ made, ofModel, sources }: SpaceSummary): string[] {
  if (!ofModel) return []
  const { items, missingItems, songsToLearnFrom } = ofModel
  const lines: string[] = []
  if (missingItems > 0) {
    lines.push(
      `${missingItems.toLocaleString('en')} of the ${count(items, 'item')} of the model are in no row of --songs, and so not in the space`,
    )
  }
  const map = made.map as BuiltSongSpace['map']
  if (!map) {
    return [
      ...lines,
      `no map from tags and sound to vectors: ${count(songsToLearnFrom, 'song')} with listeners enough (--least-listeners) and with tags or sound (--tags, --tagger), and ${leastSongs} are needed; ${count(sources.none, 'song')} without a vector`,
    ]
  }
  const share = `${(100 * map.explained).toFixed(1)} %`
  const listeners = `as much as ${map.kappa.toFixed(1)} listeners`
  return [
    ...lines,
    map.explained > 0
      ? `features explain ${share} of the vectors of songs that were held out (lambda ${map.lambda}), ${listeners}`
      : `warning: features explain nothing of the vectors of songs that were held out (${share}: worse than their mean), so songs without listeners are placed badly: give more tags or sound (--tags, --tagger), or leave such songs out`,
  ]
}
