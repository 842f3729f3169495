import fc from 'fast-check'
import { expect, test } from 'vitest'
import { melBands } from '../../../src/music/audio/mel.ts'
import type { ClipFrames } from '../../../src/music/tagger/clips/frames.ts'
import { drawSlice } from '../../../src/music/tagger/training/slices.ts'

const plain = { frames: 4, mixup: 0, gain: 0, pitch: 0, maskedBands: 0, maskedFrames: 0 }

/** Clips whose values say of which clip, frame and band they are. */
function clipsOf(...lengths: readonly number[]): ClipFrames {
  const starts = new Uint32Array(lengths.length + 1)
  lengths.forEach((length, clip) => {
    starts[clip + 1] = starts[clip]! + length
  })
  const values = lengths.flatMap((length, clip) =>
    Array.from(
      { length: length * melBands },
      (_, at) => 10 * clip + Math.floor(at / melBands) + (at % melBands) / 1000,
    ),
  )
  const targets = new Float32Array(lengths.length ** 2)
  for (let clip = 0; clip < lengths.length; clip++) targets[clip * lengths.length + clip] = 1
  return {
    values: Float32Array.from(values),
    starts,
    targets,
    classes: lengths.length,
    silence: -3,
    scale: new Float32Array(melBands).fill(1),
  }
}

function draw(clips: ClipFrames, clip: number, augmentation: Partial<typeof plain>, seed: number) {
  const all = { ...plain, ...augmentation }
  const [slice, targets] = [new Float32Array(all.frames * melBands), new Float32Array(clips.classes)]
  drawSlice(clips, clip, all, seed, { slice, targets })
  return { slice, targets }
}

test('a slice is successive frames of its clip, from a drawn one on', () => {
  const clips = clipsOf(3, 9)
  const firsts = new Set<number>()
  for (let seed = 0; seed < 100; seed++) {
    const { slice, targets } = draw(clips, 1, {}, seed)
    const first = Math.round(slice[0]! - 10)
    firsts.add(first)
    expect(slice).toEqual(clips.values.subarray((3 + first) * melBands, (7 + first) * melBands))
    expect([...targets]).toEqual([0, 1])
  }
  expect([...firsts].sort()).toEqual([0, 1, 2, 3, 4, 5])
})

test('a clip shorter than a slice lies somewhere in silence', () => {
  const places = new Set<number>()
  for (let seed = 0; seed < 50; seed++) {
    const { slice } = draw(clipsOf(3), 0, {}, seed)
    const frames = [0, 1, 2, 3].map(frame => slice[frame * melBands]!)
    expect(frames.filter(value => value === -3)).toHaveLength(1)
    places.add(frames.indexOf(-3))
  }
  expect([...places].sort()).toEqual([0, 3])
})

test('mixup mixes values and labels in one proportion', () => {
  fc.assert(
    fc.property(fc.nat(), seed => {
      const { slice, targets } = draw(clipsOf(4, 4), 0, { mixup: 1 }, seed)
      // Clip 1 is 10 above clip 0 wherever they are mixed.
      expect(slice[0]).toBeCloseTo(10 * targets[1]!, 3)
      expect(targets[0]! + targets[1]!).toBeCloseTo(1, 5)
    }),
  )
})

test('masks cover at most what they may, and nothing else is changed', () => {
  fc.assert(
    fc.property(fc.nat(), seed => {
      const clips = clipsOf(8)
      const { slice } = draw(clips, 0, { frames: 8, maskedBands: 0.25, maskedFrames: 0.25 }, seed)
      const changed = [...slice.keys()].filter(at => slice[at] !== clips.values[at])
      expect(changed.every(at => slice[at] === 0)).toBe(true)
      // Two masks of each kind.
      const rows = new Set([...slice.keys()].filter(at => slice[at] !== 0).map(at => Math.floor(at / melBands)))
      expect(rows.size).toBeGreaterThanOrEqual(4)
      expect(changed.filter(at => Math.floor(at / melBands) === [...rows][0]).length).toBeLessThanOrEqual(48)
    }),
  )
})

test('pitch moves bands, and gain adds to all; the same for the same seed', () => {
  const clips = clipsOf(40)
  const varied = { frames: 8, pitch: 5, gain: 6 }
  const moved = new Set<number>()
  for (let seed = 0; seed < 200; seed++) {
    const { slice } = draw(clips, 0, varied, seed)
    expect(draw(clips, 0, varied, seed).slice).toEqual(slice)
    expect(slice[melBands]! - slice[0]!).toBeCloseTo(1, 4)
    expect(slice[50]! - slice[49]!).toBeCloseTo(0.001, 4)
    // The first and the last band fill what comes from beyond them.
    const [below, above] = [0, 1].map(end => {
      const edge = slice[end * (melBands - 1)]!
      return [...slice.subarray(0, melBands)].filter(value => value === edge).length - 1
    }) as [number, number]
    moved.add(below - above)
    expect(Math.max(...slice) - clips.values.at(-1)!).toBeLessThanOrEqual(6 / (10 / Math.LN10) + 1e-3)
  }
  expect([...moved].sort((a, b) => a - b)).toEqual([-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5])
})
