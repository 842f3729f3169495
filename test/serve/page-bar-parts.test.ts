import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  hasIngredients,
  ingredientsInWords,
  noIngredients,
  toggled,
  withEntry,
} from '../../src/serve/page/app/bar/ingredients/ingredients.ts'
import { type MixedSong, minutesOf, moved, withKept } from '../../src/serve/page/app/bar/list/mixed-song.ts'
import { labelPlaces } from '../../src/serve/page/app/bar/map/label-places.ts'
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

test('numbers on the map cover neither each other nor points, and are within it', () => {
  const [width, height, radius, size] = [390, 300, 7, 11]
  const widthOf = (text: string) => 7 * text.length
  const within = fc.tuple(fc.integer({ min: 0, max: width }), fc.integer({ min: 0, max: height }))
  fc.assert(
    fc.property(fc.array(within, { maxLength: 40 }), points => {
      const texts = points.map((_, at) => String(at + 1))
      const places = labelPlaces(points, texts, { width, height, radius, size, widthOf })
      const boxes = places.flatMap((place, at) =>
        place
          ? [{ left: place[0], right: place[0] + widthOf(texts[at]!), top: place[1] - size, bottom: place[1] }]
          : [],
      )
      for (const [at, box] of boxes.entries()) {
        expect(Math.min(box.left, box.top, width - box.right, height - box.bottom)).toBeGreaterThanOrEqual(0)
        const isOver = (left: number, right: number, top: number, bottom: number) =>
          left < box.right && box.left < right && top < box.bottom && box.top < bottom
        for (const other of boxes.slice(at + 1)) {
          expect(isOver(other.left, other.right, other.top, other.bottom)).toBe(false)
        }
        for (const [x, y] of points) expect(isOver(x - radius, x + radius, y - radius, y + radius)).toBe(false)
      }
    }),
  )
  expect(labelPlaces([[100, 100]], ['1'], { width, height, radius, size, widthOf })).toEqual([[109, 98]])
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
