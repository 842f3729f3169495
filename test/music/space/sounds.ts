import { writeFileSync } from 'node:fs'
import { wav } from '../wav.ts'

const rate = 16_000

export interface Sine {
  readonly hertz: number
  /** Up to 1. */
  readonly amplitude: number
  readonly seconds: number
  /** How often a second it begins anew. Default: never. */
  readonly beats?: number
}

/** Writes a tone to `path`, and gives that. */
export function sine(path: string, { hertz, amplitude, seconds, beats }: Sine): string {
  const samples = Float32Array.from({ length: Math.round(seconds * rate) }, (_, at) => {
    const isOn = beats === undefined || ((at / rate) * beats) % 1 < 0.5
    return isOn ? amplitude * Math.sin((2 * Math.PI * hertz * at) / rate) : 0
  })
  writeFileSync(path, wav(samples))
  return path
}

/** Writes silence to `path`, and gives that. */
export function silence(path: string, seconds: number): string {
  return sine(path, { hertz: 0, amplitude: 0, seconds })
}
