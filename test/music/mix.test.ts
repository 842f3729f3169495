import { beforeAll, describe, expect, test } from 'vitest'
import { candidates } from '../../src/music/mix/candidates/candidates.ts'
import { continueMix } from '../../src/music/mix/continue.ts'
import { type IndexedSpace, indexSpace } from '../../src/music/mix/indexed-space.ts'
import { avoidance } from '../../src/music/mix/ingredients/avoidance.ts'
import { resolveIngredients } from '../../src/music/mix/ingredients/ingredients.ts'
import { cosinesOf, mixedQuery, scaleIngredients } from '../../src/music/mix/ingredients/relevance.ts'
import { type Mix, mixSongs } from '../../src/music/mix/mix.ts'
import type { MixRequest } from '../../src/music/mix/request.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { naiveRelevance } from './naive-mix.ts'
import { moods, randomSongs, spaceOf } from './small-space.ts'

let indexed: IndexedSpace
const songs = randomSongs(600, { artists: 50 })

beforeAll(async () => {
  indexed = indexSpace(await spaceOf(songs, { noise: 0.3, rank: 16 }))
})

const now = Date.UTC(2024, 0, 1)
const mixed = (request: MixRequest): Mix => mixSongs(indexed, request, now)
const idsOf = ({ items }: Mix) => items.map(({ item }) => String(item))
const songOf = (id: string | number) => songs[Number(String(id).slice(1))]!
const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
const amountOf = (mix: Mix, tag: string) => meanOf(mix.items.map(({ item }) => songOf(item).tags[tag] ?? 0))

test('a song that has all ingredients stands before those that have only one of them', async () => {
  const small = [
    { tags: { calm: 1 } },
    { tags: { rain: 1 } },
    { tags: { calm: 1, rain: 1 } },
    { tags: { calm: 1, sad: 0.5 } },
    ...Array.from({ length: 40 }, (_, at) => ({ tags: { rock: 1, sad: at / 40 } })),
  ]
  const mix = mixSongs(indexSpace(await spaceOf(small)), {
    tags: [{ tag: 'calm' }, { tag: 'rain' }],
    length: 3,
    diversity: 0,
  })
  expect(mix.items.toSorted((a, b) => b.score - a.score)[0]!.item).toBe('s2')
})

test('what is found by the index are the songs of the highest relevance', () => {
  const random = randomNumbers(3)
  for (let round = 0; round < 20; round++) {
    const tags = moods
      .filter(() => random() < 0.5)
      .map(tag => ({ tag, weight: random() < 0.3 ? -random() : random() + 0.1 }))
    const request = { tags: [...tags, { tag: 'sea', weight: 1 }], songs: [{ song: `s${round}`, weight: random() }] }
    const { ingredients } = resolveIngredients(indexed.space, request, now)
    const scaled = scaleIngredients(indexed, ingredients)
    const expected = naiveRelevance(indexed.space, scaled)
    const found = candidates(indexed, scaled, {
      avoidance: avoidance(indexed.space, {}, [], 1),
      perArtist: 600,
      wanted: 40,
    })
    const best = expected.toSorted((a, b) => b - a).slice(0, 40)
    expect(found.map(({ relevance }) => relevance)).toEqual(best.map(value => expect.closeTo(value, 4)))
    const { query, offset } = mixedQuery(indexed.space, scaled)
    expected.forEach((relevance, song) => {
      const bound = cosinesOf(indexed.space, song, [{ ...ingredients[0]!, vector: query }])[0]! + offset
      expect(relevance, `song ${song} of round ${round}`).toBeLessThanOrEqual(bound + 1e-4)
    })
  }
})

describe('whatever is asked for,', () => {
  const requests = Array.from({ length: 40 }, (_, seed): MixRequest => {
    const random = randomNumbers(seed)
    const some = <Value>(value: Value): Value | undefined => (random() < 0.5 ? value : undefined)
    const song = () => `s${Math.floor(random() * 600)}`
    return {
      tags: [{ tag: moods[Math.floor(random() * moods.length)]!, weight: 0.1 + random() }],
      songs: some([{ song: song() }, { song: song(), weight: -0.5 }]),
      playlists: some([{ songs: Array.from({ length: 9 }, song) }]),
      taste: some({ user: 'ann', history: [{ song: song(), weight: 3, time: now }] }),
      avoid: some({ tags: ['rock'], artists: ['ARTIST 4'], songs: [song()] }),
      energy: some([
        { at: 0, energy: random() },
        { at: 1, energy: random() },
      ]),
      length: 1 + Math.floor(random() * 30),
      diversity: some(random()),
      smoothness: some(random()),
      artistGap: some(1 + Math.floor(random() * 6)),
      artistShare: some(0.1 + 0.9 * random()),
    }
  })

  test.each(requests)(
    'no song, title or ingredient comes twice, artists keep apart, and the list is as long as asked for: %#',
    request => {
      const mix = mixed(request)
      const ids = idsOf(mix)
      expect(ids.length).toBe(request.length)
      expect(mix.short).toBeUndefined()
      expect(new Set(ids).size).toBe(ids.length)
      expect(new Set(mix.items.map(({ title, artist }) => `${title} ${artist}`)).size).toBe(ids.length)
      const own = [request.songs?.map(({ song }) => song), request.playlists?.[0]?.songs, request.avoid?.songs].flat()
      for (const id of own) expect(ids).not.toContain(id)
      const artists = mix.items.map(({ artist }) => artist!)
      const { artistGap = 4, artistShare = 0.2 } = request
      for (const [place, artist] of artists.entries()) {
        expect(artists.slice(Math.max(0, place - artistGap + 1), place)).not.toContain(artist)
      }
      for (const artist of artists) {
        const count = artists.filter(other => other === artist).length
        expect(count).toBeLessThanOrEqual(Math.max(1, Math.floor(artistShare * ids.length)))
      }
      if (request.avoid) {
        expect(artists).not.toContain('Artist 4')
        for (const { item } of mix.items) expect(songOf(item).tags.rock ?? 0).toBeLessThan(0.2)
      }
      expect(mixed(request)).toEqual(mix)
    },
  )
})

test('what has a weight below 0 is kept away from, and avoided tags have gone', () => {
  const sea = { tags: [{ tag: 'sea' }], length: 80 }
  const less = { ...sea, tags: [...sea.tags, { tag: 'calm', weight: -1 }] }
  const none = { ...sea, avoid: { tags: ['calm'] } }
  expect(amountOf(mixed(sea), 'calm')).toBeGreaterThan(0.02)
  expect(amountOf(mixed(less), 'calm')).toBeLessThan(amountOf(mixed(sea), 'calm'))
  expect(amountOf(mixed(none), 'calm')).toBe(0)
})

test('the energy follows the curve', () => {
  const energy = [
    { at: 0, energy: 0.15 },
    { at: 0.5, energy: 0.8 },
    { at: 1, energy: 0.3 },
  ]
  const tags = [{ tag: 'calm' }, { tag: 'happy' }, { tag: 'rock' }]
  const mix = mixed({ tags, energy, length: 15 })
  const errors = mix.items.map(({ energy, askedEnergy }) => Math.abs(energy! - askedEnergy!))
  expect(mix.items.map(({ askedEnergy }) => askedEnergy)).toEqual(
    Array.from({ length: 15 }, (_, place) =>
      expect.closeTo(place <= 7 ? 0.15 + (place / 7) * 0.65 : 0.8 - ((place - 7) / 7) * 0.5, 6),
    ),
  )
  expect(meanOf(errors)).toBeLessThan(0.08)
})

test('with more smoothness songs are more like the one before, with more diversity less like each other', () => {
  const cosine = (mix: Mix) => meanOf(mix.items.slice(1).map(({ follows }) => follows!.cosine))
  const tags = [{ tag: 'calm' }, { tag: 'happy' }]
  expect(cosine(mixed({ tags, smoothness: 1 }))).toBeGreaterThan(cosine(mixed({ tags, smoothness: 0 })))
  expect(cosine(mixed({ tags, smoothness: 0, diversity: 1 }))).toBeLessThan(
    cosine(mixed({ tags, smoothness: 0, diversity: 0 })),
  )
})

test('so many minutes are as nearly full as songs of these lengths allow', () => {
  for (const minutes of [10, 45, 120]) {
    const mix = mixed({ tags: [{ tag: 'sea' }], minutes })
    const seconds = mix.items.reduce((sum, { duration }) => sum + duration!, 0)
    expect(mix.minutes).toBeCloseTo(seconds / 60, 6)
    expect(Math.abs(mix.minutes - minutes)).toBeLessThan(2.5)
  }
})

test('each song says by what it is in', () => {
  const request = {
    tags: [{ tag: 'calm' }, { tag: 'rain', weight: 0.5 }],
    songs: [{ song: 's3' }],
    energy: [{ at: 0, energy: 0.2 }],
    length: 6,
  }
  const { items } = mixed(request)
  items.forEach(({ because, tags, follows, why, item, energy }, place) => {
    expect(because.map(({ kind, name, weight }) => [kind, name, weight])).toEqual([
      ['tag', 'calm', 1],
      ['tag', 'rain', 0.5],
      ['song', 's3', 1],
    ])
    for (const { cosine } of because) expect(Math.abs(cosine)).toBeLessThanOrEqual(1.0001)
    for (const { tag, amount } of tags) expect(songOf(item).tags[tag]).toBeCloseTo(amount, 5)
    expect(follows?.item).toBe(items[place - 1]?.item)
    if (follows) expect(why).toContain(`Title ${String(follows.item).slice(1)}`)
    expect(why).toMatch(/^(Fits|Is the nearest) .*\.$/)
    if (energy !== undefined) expect(why).toContain(`has energy ${energy.toFixed(2)}, where 0.20 was asked for`)
  })
})

test('what was heard lately counts more of a taste than what was heard long ago', () => {
  const nameOf = (tag: string) => `s${songs.findIndex(({ tags }) => Object.keys(tags).join() === tag)}`
  const history = (rock: number, calm: number) => [
    { song: nameOf('rock'), weight: 1, time: now - rock * 86_400_000 },
    { song: nameOf('calm'), weight: 1, time: now - calm * 86_400_000 },
  ]
  const rocking = mixed({ taste: { user: 'ann', history: history(1, 700) }, artistShare: 1 })
  const calming = mixed({ taste: { user: 'ann', history: history(700, 1) }, artistShare: 1 })
  expect(amountOf(rocking, 'rock')).toBeGreaterThan(amountOf(calming, 'rock'))
  expect(amountOf(calming, 'calm')).toBeGreaterThan(amountOf(rocking, 'calm'))
})

test('what is not known is named, with what was perhaps meant', () => {
  expect(() => mixed({ tags: [{ tag: 'clam' }] })).toThrow('the songs have no tag "clam": did you mean "calm"')
  expect(() => mixed({ songs: [{ song: 's60x' }] })).toThrow(/there is no song "s60x": did you mean "s\d+" or/)
  expect(() => mixed({ tags: [{ tag: 'sea' }], avoid: { songs: ['other'] } })).toThrow('there is no song "other"')
  expect(() => mixed({ tags: [{ tag: 'sea', weight: -1 }] })).toThrow('expected a tag, a song, a playlist or a taste')
  expect(() => mixed({ playlists: [{ songs: ['x', 'y'] }] })).toThrow(
    'has no song that something is known of: expected some of the 600 songs of the space',
  )
  const { left } = mixed({ playlists: [{ songs: ['s1', 'x'] }] })
  expect(left).toEqual(['x'])
})

test.each([
  [{ length: 0 }, 'length must be a whole number from 1 to 200, got 0'],
  [{ length: 2.5 }, 'length must be a whole number'],
  [{ minutes: Number.NaN }, 'minutes must be a number from 1'],
  [{ diversity: 1.1 }, 'diversity must be a number from 0 to 1, got 1.1'],
  [{ energy: [{ at: 0, energy: Number.NaN }] }, 'energy must be a number from 0 to 1, got NaN'],
  [{ tags: [{ tag: 'sea', weight: 0 }] }, 'weight must not be 0'],
  [{ tags: [{ tag: 'sea', weight: Number.POSITIVE_INFINITY }] }, 'weight must be a number from -100 to 100'],
])('%j is refused', (request, message) => {
  expect(() => mixed({ tags: [{ tag: 'sea' }], ...request })).toThrow(message)
})

test('a list that must be shorter says why', async () => {
  const few = Array.from({ length: 30 }, (_, at) => ({
    tags: { calm: 1, sea: at / 30 },
    artist: 'one',
    title: `t${at}`,
  }))
  const [space, request] = [indexSpace(await spaceOf(few)), { tags: [{ tag: 'calm' }], length: 20 }]
  const mix = mixSongs(space, request)
  expect(mix.items.length).toBe(1)
  expect(mix.short).toContain('1 of 20 songs: no other is left')
  expect(mixSongs(space, { ...request, artistGap: 1 }).items.length).toBe(4)
  expect(mixSongs(space, { ...request, artistGap: 1, artistShare: 1 }).short).toBeUndefined()
})

describe('what follows', () => {
  const request: MixRequest = { tags: [{ tag: 'sea' }], length: 10 }
  const withTag = (tag: string) =>
    songs.flatMap(({ tags }, at) => ((tags[tag] ?? 0) > 0.5 && (tags.sea ?? 0) > 0.3 ? [`s${at}`] : [])).slice(0, 5)
  const following = (accepted: string, skipped: string) =>
    continueMix(
      indexed,
      request,
      [
        ...withTag(accepted).map(song => ({ song, outcome: 'accepted' as const })),
        ...withTag(skipped).map(song => ({ song, outcome: 'skipped' as const })),
      ],
      { now },
    )

  test('moves towards what was accepted and away from what was skipped', () => {
    expect(amountOf(following('calm', 'happy'), 'calm')).toBeGreaterThan(
      amountOf(following('happy', 'calm'), 'calm') + 0.05,
    )
    expect(amountOf(following('happy', 'calm'), 'happy')).toBeGreaterThan(
      amountOf(following('calm', 'happy'), 'happy') + 0.05,
    )
  })

  test('never repeats a song, until there is none', () => {
    const playlist: { song: string; outcome?: 'skipped' | undefined }[] = []
    for (let round = 0; round < 12; round++) {
      const more = continueMix(indexed, request, playlist, { now })
      if (round > 0) expect(more.items[0]!.follows).toBeDefined()
      playlist.push(
        ...more.items.map(({ item }, at) => ({
          song: String(item),
          outcome: at % 3 === 0 ? ('skipped' as const) : undefined,
        })),
      )
    }
    expect(new Set(playlist.map(({ song }) => song)).size).toBe(120)
    const artists = playlist.map(({ song }) => songOf(song).artist)
    for (const [place, artist] of artists.entries()) {
      expect(artists.slice(Math.max(0, place - 3), place)).not.toContain(artist)
    }
  })

  test('goes on with the energy curve where the playlist is', () => {
    const energy = [
      { at: 0, energy: 0 },
      { at: 1, energy: 1 },
    ]
    const playlist = [{ song: 's1' }, { song: 's2' }, { song: 'unknown' }]
    const { items, left } = continueMix(indexed, { ...request, energy, length: 2 }, playlist, { total: 5, now })
    expect(items.map(({ askedEnergy }) => askedEnergy)).toEqual([0.5, 0.75])
    expect(left).toEqual(['unknown'])
  })
})
