import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { melBands, melFloor, melHop, melRate } from '../../src/music/audio/mel.ts'
import { melOfFile, melOfFileSync, soundOfFile } from '../../src/music/audio/mel-of-file.ts'
import { type MelSlice, type MelSliceOptions, melSlices } from '../../src/music/audio/mel-slices.ts'
import { freshFolder } from '../storage/folder.ts'
import { fileOf, tone, wav } from './wav.ts'

async function slicesOf(path: string, options: MelSliceOptions): Promise<MelSlice[]> {
  const slices: MelSlice[] = []
  for await (const slice of melSlices(path, options)) slices.push(slice)
  return slices
}

test('gives the frames of a file, and what is known of it', async () => {
  const path = fileOf(wav(tone(2, 440, 44_100), { rate: 44_100 }))
  const mel = await melOfFile(path)
  expect(mel.frames).toBe(1 + Math.floor((2 * melRate) / melHop))
  expect(mel.values.length).toBe(mel.frames * melBands)
  expect(mel).toMatchObject({
    first: 0,
    sound: { rate: 44_100, channels: 1, codec: 'pcm_s16le', declaredSeconds: 2 },
    decoded: { seconds: 2, failedPackets: 0, brokenSamples: 0 },
  })
  expect(await soundOfFile(path)).toEqual(mel.sound)
  expect(melOfFileSync(path)).toEqual(mel)
})

test('the loudest band is that of the tone', async () => {
  // 440 Hz are 6.6 mels of 66.67 Hz; the bands are 0.4664 mels apart, the first at one such step.
  const { values } = await melOfFile(fileOf(wav(tone(1, 440))))
  const frame = values.subarray(30 * melBands, 31 * melBands)
  expect(frame.indexOf(Math.max(...frame))).toBe(Math.round(6.6 / 0.4664) - 1)
})

test('power is that whose logarithm is given', async () => {
  const path = fileOf(wav(tone(1, 1000)))
  const [log, power] = [await melOfFile(path), await melOfFile(path, { scale: 'power' })]
  power.values.forEach((value, at) => {
    expect(Math.log(Math.max(value, melFloor))).toBeCloseTo(log.values[at]!, 4)
  })
})

test('a part has the frames of its seconds, the same as in the whole', async () => {
  const path = fileOf(wav(tone(9, 700, 22_050), { rate: 22_050 }))
  const whole = await melOfFile(path)
  const part = await melOfFile(path, { from: 6.4, to: 8 })
  expect([part.first, part.frames]).toEqual([400, 100])
  expect(part.values).toEqual(whole.values.subarray(400 * melBands, 500 * melBands))
  expect((await melOfFile(path, { from: 60 })).frames).toBe(0)
})

test('slices hold all frames of a file once, for any sizes', async () => {
  const path = fileOf(wav(tone(12.3, 300)))
  const { values: whole, frames: all } = await melOfFile(path)
  const silence = Math.fround(Math.log(melFloor))
  const size = fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.constantFrom(128, 256, all, all + 1))
  await fc.assert(
    fc.asyncProperty(size, size, fc.constantFrom('pad' as const, 'drop' as const), async (frames, hop, rest) => {
      const slices = await slicesOf(path, { frames, hop, rest })
      // The slices whose frames are all there; one more where frames are left.
      const complete = all < frames ? 0 : 1 + Math.floor((all - frames) / hop)
      const covered = complete === 0 ? 0 : (complete - 1) * hop + frames
      const isMore = rest === 'pad' && all > Math.max(covered, complete * hop)
      expect(slices.length).toBe(complete + Number(isMore))
      slices.forEach((slice, at) => {
        expect(slice.first).toBe(at * hop)
        expect(slice.frames).toBe(Math.min(frames, all - slice.first))
        const own = whole.subarray(slice.first * melBands, (slice.first + slice.frames) * melBands)
        expect(Buffer.compare(bytesOf(slice.values.subarray(0, own.length)), bytesOf(own))).toBe(0)
        expect(slice.values.subarray(own.length).every(value => value === silence)).toBe(true)
      })
    }),
    { numRuns: 40 },
  )
})

test('a file shorter than a slice has one, with silence behind it', async () => {
  const path = fileOf(wav(tone(0.001, 300)))
  const [slice, ...others] = await slicesOf(path, { frames: 128, scale: 'power' })
  expect(others).toEqual([])
  expect(slice!.frames).toBe(1)
  expect(slice!.values.subarray(melBands).every(value => value === 0)).toBe(true)
  expect(await slicesOf(path, { frames: 128, rest: 'drop' })).toEqual([])
})

test('says why a file gives no sound', async () => {
  const folder = freshFolder()
  const [empty, text] = [join(folder, 'empty.mp3'), join(folder, 'text.mp3')]
  writeFileSync(empty, '')
  writeFileSync(text, 'no sound '.repeat(1000))
  await expect(melOfFile(join(folder, 'none.mp3'))).rejects.toThrow(/none\.mp3 cannot be read: No such file/)
  await expect(melOfFile(folder)).rejects.toThrow('must be a sound file, but is a directory')
  await expect(melOfFile(empty)).rejects.toThrow('must be a sound file, but is empty')
  await expect(melOfFile(text)).rejects.toThrow('is no sound file of a known format: expected wav, flac, mp3, ogg')
  await expect(soundOfFile(fileOf(wav(new Float32Array(0))))).rejects.toThrow('has no samples')
  await expect(slicesOf(text, { frames: 10 })).rejects.toThrow('is no sound file')
  expect(() => melOfFileSync(text)).toThrow('is no sound file')
})

test('a file that is cut off is read up to there', async () => {
  const path = fileOf(wav(tone(4, 500)))
  const whole = await melOfFile(path)
  truncateSync(path, 44 + 2 * melRate * 2)
  const { sound, decoded, frames, values } = await melOfFile(path)
  expect([sound.declaredSeconds, decoded.seconds, frames]).toEqual([2, 2, 126])
  expect(values.subarray(0, 124 * melBands)).toEqual(whole.values.subarray(0, 124 * melBands))
})

test('refuses options that are none', async () => {
  const path = fileOf(wav(tone(1, 500)))
  await expect(melOfFile(path, { from: -1 })).rejects.toThrow('from must be a number of seconds, at least 0, got -1')
  await expect(melOfFile(path, { to: Number.NaN })).rejects.toThrow(RangeError)
  await expect(melOfFile(path, { scale: 'decibel' as never })).rejects.toThrow(
    'scale must be log or power, got decibel',
  )
  await expect(slicesOf(path, { frames: 0 })).rejects.toThrow('frames must be a whole number from 1 to 65536, got 0')
  await expect(slicesOf(path, { frames: 2, hop: 0.5 })).rejects.toThrow('hop must be a whole number')
})

test('the event loop turns meanwhile, and an abort ends it', async () => {
  const path = fileOf(wav(tone(120, 500)))
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  await melOfFile(path)
  clearInterval(timer)
  expect(turns).toBeGreaterThan(2)
  const signal = AbortSignal.abort(new Error('enough'))
  await expect(melOfFile(path, { signal })).rejects.toThrow('enough')
  await expect(slicesOf(path, { frames: 10, signal })).rejects.toThrow('enough')
})

test('leaving the slices of a file closes it', async () => {
  const path = fileOf(wav(tone(60, 500)))
  for (let time = 0; time < 50; time++) {
    for await (const { frames } of melSlices(path, { frames: 10 })) {
      expect(frames).toBe(10)
      break
    }
  }
})

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}
