import { existsSync, readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { z } from 'zod'
import { Artifact } from '../../models/artifact/artifact.ts'
import { indexSpace } from '../../music/mix/indexed-space.ts'
import { artistKey } from '../../music/mix/ingredients/avoidance.ts'
import { MixError } from '../../music/mix/ingredients/ingredients.ts'
import { type Mix, mixSongs, usualDuration } from '../../music/mix/mix.ts'
import { evenCurve } from '../../music/mix/order/energy-curve.ts'
import type { Avoided, MixRequest, TasteIngredient } from '../../music/mix/request.ts'
import { openSongSpace } from '../../music/space/artifact.ts'
import type { SongSpace } from '../../music/space/song-space.ts'
import { mustBe } from '../../storage/expectation.ts'
import { plainId } from '../../storage/ids.ts'
import { asUsage, parseOptions, several, text, UsageError, wholeNumber } from '../command.ts'
import { refuseUnknown } from '../lists/look-up.ts'
import { table } from '../terminal/table.ts'

const share = z
  .string()
  .refine(value => value.trim() !== '' && Number(value) >= 0 && Number(value) <= 1, mustBe('a number from 0 to 1'))
  .transform(Number)

const energies = z
  .string()
  .refine(
    value => value.split(',').every(part => part.trim() !== '' && Number(part) >= 0 && Number(part) <= 1),
    mustBe('numbers from 0 to 1 with commas between, as 0.2,0.8,0.3'),
  )
  .transform(value => evenCurve(value.split(',').map(Number)))

const names = z.array(z.string().min(1)).default([])

const Options = z.object({
  mood: names,
  song: names,
  playlist: names,
  avoid: names,
  user: text('the id of a user').optional(),
  model: text('the directory of a model').optional(),
  energy: energies.optional(),
  length: wholeNumber(1, 200).optional(),
  minutes: wholeNumber(1, 1440).optional(),
  diversity: share.optional(),
  smoothness: share.optional(),
  artistGap: wholeNumber(1, 200).optional(),
  artistShare: share.optional(),
  json: z.boolean().default(false),
})

type MixOptions = z.output<typeof Options>

/** `aurochs music mix`. */
export function registerMix(music: Command): void {
  music
    .command('mix')
    .description('an ordered playlist of moods, songs, playlists and taste; each song says why it is in')
    .argument('<space>', 'directory of a song space (aurochs music build-space)')
    .option(
      '--mood <tag>',
      'a tag, with a weight after a colon, as rain:0.5; below 0 to keep away from it; may be repeated',
      several,
    )
    .option('--song <id>', 'a song that the list is to be like, with a weight as --mood; may be repeated', several)
    .option(
      '--playlist <ids>',
      'songs that belong together: ids with commas between, or a file with one a line; may be repeated',
      several,
    )
    .option('--user <id>', 'what a user likes, by the history of --model')
    .option('--model <dir>', 'with --user: directory of a trained model whose items are the songs')
    .option('--avoid <name>', 'a tag, the id of a song, or an artist that must not come; may be repeated', several)
    .option('--energy <numbers>', 'the energy over the list, from 0, low, to 1, high, as 0.2,0.8,0.3')
    .option('--length <n>', 'songs (default: 20)')
    .option('--minutes <n>', 'minutes, in place of --length')
    .option('--diversity <share>', 'how much it counts that songs are unlike each other, from 0 to 1 (default: 0.3)')
    .option('--smoothness <share>', 'how much it counts that songs are like the one before, from 0 to 1 (default: 0.5)')
    .option('--artist-gap <n>', 'places from a song of an artist to the next one of the same (default: 4)')
    .option('--artist-share <share>', 'of the songs, those of one artist at most (default: 0.2)')
    .option('--json', 'print one JSON object: {"items": [{"item", "score", "because", "why", …}], …}')
    .action(run)
}

function run(directory: string, given: unknown): void {
  const options = parseOptions(Options, given)
  const { json, user, model, length, minutes } = options
  if (user !== undefined && model === undefined) {
    throw new UsageError(
      '--user needs --model: name the model that knows what the user did; a server is asked by aurochs call',
    )
  }
  if (length !== undefined && minutes !== undefined) throw new UsageError('--minutes goes without --length')
  const space = asUsage(() => openSongSpace(directory))
  try {
    print(mixOf(space, requestOf(space, options)), json)
  } finally {
    space.close()
  }
}

/** @throws UsageError with what is not known. */
function mixOf(space: SongSpace, request: MixRequest): Mix {
  try {
    return mixSongs(indexSpace(space), request)
  } catch (error) {
    if (error instanceof MixError) throw new UsageError(error.message, error.reason === 'bad_message' ? 2 : 3)
    if (error instanceof RangeError) throw new UsageError(error.message)
    throw error
  }
}

function requestOf(space: SongSpace, options: MixOptions): MixRequest {
  const { mood, song, playlist, avoid, user, model, energy, length, minutes } = options
  const { diversity, smoothness, artistGap, artistShare } = options
  const isTag = (name: string) => space.tags.indexOf(name) >= 0
  const isSong = (id: string) => space.songs.indexOf(id) >= 0
  return {
    tags: mood.map(given => weighted(given, isTag)).map(({ name, weight }) => ({ tag: name, weight })),
    songs: song.map(given => weighted(given, isSong)).map(({ name, weight }) => ({ song: name, weight })),
    playlists: playlist.map((given, at) => ({
      songs: songsIn(given),
      name: playlist.length > 1 ? `playlist ${at + 1}` : undefined,
    })),
    taste: user === undefined ? undefined : tasteOf(model!, user),
    avoid: avoided(space, avoid),
    energy,
    length,
    minutes,
    diversity,
    smoothness,
    artistGap,
    artistShare,
  }
}

/** A name, and the weight after its last colon; where the whole is a name, it is that. */
function weighted(
  given: string,
  isName: (name: string) => boolean,
): { readonly name: string; readonly weight: number } {
  const [, name, weight] = /^(.+):(-?\d+(?:\.\d+)?)$/.exec(given) ?? []
  if (name === undefined || isName(given)) return { name: given, weight: 1 }
  return { name, weight: Number(weight) }
}

function songsIn(given: string): string[] {
  const separator = existsSync(given) ? /\r?\n/ : /,/
  const text = existsSync(given) ? readFileSync(given, 'utf8') : given
  return text
    .split(separator)
    .map(id => id.trim())
    .filter(id => id !== '')
}

function tasteOf(directory: string, user: string): TasteIngredient {
  const model = asUsage(() => Artifact.open(directory, { verify: false }))
  try {
    refuseUnknown(model.users, 'user', [user])
    const { indices, weights } = model.history.row(model.users.indexOf(user))
    const history = Array.from(indices, (item, at) => ({ song: plainId(model.items.at(item)), weight: weights[at]! }))
    return { user, history }
  } finally {
    model.close()
  }
}

/** Each is a tag, a song or an artist, whichever is there. */
function avoided(space: SongSpace, given: readonly string[]): Avoided {
  const tags = given.filter(name => space.tags.indexOf(name) >= 0)
  const songs = given.filter(name => !tags.includes(name) && space.songs.indexOf(name) >= 0)
  const artists = given.filter(name => !tags.includes(name) && !songs.includes(name))
  const unknown = new Map(artists.map(name => [artistKey(name), name]))
  for (let song = 0; song < space.songs.size && unknown.size > 0; song++) {
    const { artist } = space.detailsOf(song)
    if (artist !== undefined) unknown.delete(artistKey(artist))
  }
  if (unknown.size > 0) {
    throw new UsageError(
      `--avoid must be a tag, the id of a song or an artist, got ${JSON.stringify([...unknown.values()][0])}`,
      3,
    )
  }
  return { tags, songs, artists }
}

function print({ items, left, minutes, short }: Mix, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ items, left, minutes, short })}\n`)
    return
  }
  const rows = items.map(({ item, title, artist, energy }, place) => {
    return [place + 1, title ?? `${item}`, artist ?? '', energy === undefined ? '' : energy.toFixed(2)]
  })
  const lines = table(rows).split('\n')
  const text = items.map(({ why }, place) => `${lines[place]}\n    ${why}\n`).join('')
  const unknown = items.filter(({ duration }) => duration === undefined).length
  const some = unknown === items.length ? 'all' : unknown
  const assumed = unknown > 0 ? `, with ${some} of unknown length taken for ${usualDuration / 60} each` : ''
  const notes = [
    `${items.length} songs, ${Math.round(minutes)} minutes${assumed}`,
    short,
    left.length > 0 ? `the space lacks ${left.length} of the songs given, as ${left[0]}` : undefined,
  ]
  process.stdout.write(`${text}${notes.filter(note => note !== undefined).join('; ')}\n`)
}
