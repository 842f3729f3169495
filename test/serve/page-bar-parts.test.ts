import { expect, test } from 'vitest'
import {
  hasIngredients,
  ingredientsInWords,
  noIngredients,
  toggled,
  withEntry,
} from '../../src/serve/page/app/bar/ingredients/ingredients.ts'
import { type MixedSong, minutesOf, moved, withKept } from '../../src/serve/page/app/bar/list/mixed-song.ts'
import { type MapPoints, nearestTowards, placesOf } from '../../src/serve/page/app/bar/map/map-points.ts'
import { MapView } from '../../src/serve/page/app/bar/map/map-view.ts'

const song = (item: string): MixedSong => ({
  item,
  title: item,
  artist: undefined,
  duration: undefined,
  hasSound: false,
  energy: undefined,
  tags: [],
  why: '',
  fits: [],
})
const items = (songs: readonly MixedSong[]) => songs.map(({ item }) => item).join('')

test('songs that were moved stay at their places, whatever list comes', () => {
  const kept = new Map([
    ['x', { song: song('x'), place: 0 }],
    ['c', { song: song('c'), place: 3 }],
    ['z', { song: song('z'), place: 99 }],
  ])
  expect(items(withKept([...'abcd'].map(song), kept))).toBe('xabcdz')
  expect(items(withKept([...'abcd'].map(song), new Map()))).toBe('abcd')
  expect(items(withKept([], kept))).toBe('xcz')
})

test('moves one song, and the others close up', () => {
  expect(moved([...'abcd'], 0, 2).join('')).toBe('bcad')
  expect(moved([...'abcd'], 3, 0).join('')).toBe('dabc')
  expect(moved([...'abcd'], 1, 1).join('')).toBe('abcd')
})

test('says ingredients and lengths in words', () => {
  const tags = new Map([
    ['rain', 0.4],
    ['calm', 1],
  ])
  const songs = new Map([['s1', { title: 'Still Lake', weight: 1 }]])
  const words = ingredientsInWords(Object.assign({}, noIngredients, { tags, songs, taste: { user: 'ann', weight: 1 } }))
  expect(words).toBe('calm, rain, like Still Lake and the taste of ann')
  expect(ingredientsInWords(noIngredients)).toBe('')
  expect(hasIngredients(noIngredients)).toBe(false)
  expect(hasIngredients(Object.assign({}, noIngredients, { songs }))).toBe(true)
  expect(minutesOf(65.4)).toBe('1:05')
})

test('changes entries without changing what was before', () => {
  const before = new Map([['a', 1]])
  expect([...withEntry(before, 'b', 2)]).toEqual([
    ['a', 1],
    ['b', 2],
  ])
  expect([...withEntry(before, 'a', undefined)]).toEqual([])
  expect([...before]).toEqual([['a', 1]])
  expect(toggled(['a'], 'b')).toEqual(['a', 'b'])
  expect(toggled(['a', 'b'], 'a')).toEqual(['b'])
})

const points: MapPoints = {
  items: ['middle', 'right', 'far right', 'up', 'aside'],
  x: [0, 0.2, 0.8, 0.05, 0.1],
  y: [0, 0.05, 0, 0.4, -0.9],
  tag: [0, 0, 0, 1, 1],
  tags: ['calm', 'rain'],
  titles: ['', '', '', '', ''],
  isNew: [false, false, false, false, true],
}

test('arrow keys go to the nearest song in their direction', () => {
  const all = () => true
  expect(nearestTowards(points, 0, 'ArrowRight', all)).toBe(1)
  expect(nearestTowards(points, 1, 'ArrowRight', all)).toBe(2)
  expect(nearestTowards(points, 0, 'ArrowUp', all)).toBe(3)
  expect(nearestTowards(points, 0, 'ArrowDown', all)).toBe(4)
  expect(nearestTowards(points, 0, 'ArrowLeft', all)).toBe(undefined)
  expect(nearestTowards(points, 0, 'ArrowRight', at => at !== 1)).toBe(2)
  expect(nearestTowards(points, 0, 'Enter', all)).toBe(undefined)
  expect(placesOf(new Map([['up', 3]]), ['nothing', 'up'])).toEqual([3])
})

test('what is under the pointer stays there when the map is made larger, and the map stays in view', () => {
  const view = new MapView()
  view.width = 600
  view.height = 400
  expect(view.place(0, 0)).toEqual([300, 200])
  const before = view.place(0.3, -0.2)
  view.zoomAt(3, before[0], before[1])
  expect(view.zoom).toBe(3)
  expect(view.place(0.3, -0.2)[0]).toBeCloseTo(before[0], 8)
  expect(view.place(0.3, -0.2)[1]).toBeCloseTo(before[1], 8)
  view.pan(10_000, 10_000)
  const [left, top] = view.place(-1, 1)
  expect(left).toBeGreaterThanOrEqual(0)
  expect(left).toBeLessThan(60)
  expect(top).toBeGreaterThanOrEqual(0)
  expect(top).toBeLessThan(60)
  view.reveal(1, -1)
  const [right, bottom] = view.place(1, -1)
  expect(right).toBeLessThanOrEqual(600)
  expect(bottom).toBeLessThanOrEqual(400)
  view.reset()
  expect(view.place(0, 0)).toEqual([300, 200])
  view.zoomAt(1000)
  view.zoomAt(1e-6)
  expect(view.zoom).toBe(1)
})
