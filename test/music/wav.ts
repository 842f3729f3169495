import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freshFolder } from '../storage/folder.ts'

export interface WavOptions {
  /** Samples a second. Default: 16000. */
  readonly rate?: number
  readonly channels?: number
}

/** The bytes of a wav file of 16-bit samples (frames × channels), ±1 at full scale. */
export function wav(samples: Float32Array, { rate = 16_000, channels = 1 }: WavOptions = {}): Buffer {
  const bytes = Buffer.alloc(44 + samples.length * 2)
  bytes.write('RIFF', 0, 'latin1')
  bytes.writeUInt32LE(bytes.length - 8, 4)
  bytes.write('WAVEfmt ', 8, 'latin1')
  bytes.writeUInt32LE(16, 16)
  bytes.writeUInt16LE(1, 20)
  bytes.writeUInt16LE(channels, 22)
  bytes.writeUInt32LE(rate, 24)
  bytes.writeUInt32LE(rate * channels * 2, 28)
  bytes.writeUInt16LE(channels * 2, 32)
  bytes.writeUInt16LE(16, 34)
  bytes.write('data', 36, 'latin1')
  bytes.writeUInt32LE(samples.length * 2, 40)
  samples.forEach((sample, at) => {
    bytes.writeInt16LE(Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_768))), 44 + at * 2)
  })
  return bytes
}

/** The path of a file with these bytes, which goes when the test ends. */
export function fileOf(bytes: Uint8Array, name = 'sound.wav'): string {
  const path = join(freshFolder(), name)
  writeFileSync(path, bytes)
  return path
}

/** A tone of `hertz`, with some noise. */
export function tone(seconds: number, hertz: number, rate = 16_000): Float32Array {
  let state = 1
  return Float32Array.from({ length: Math.round(seconds * rate) }, (_, at) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return 0.5 * Math.sin((2 * Math.PI * hertz * at) / rate) + 0.01 * (state / 2 ** 31 - 1)
  })
}
