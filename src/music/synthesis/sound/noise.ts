import type { Drawing } from '../drawing.ts'

/** So many samples of white noise, ±1 at most: xorshift32 (Marsaglia 2003), which makes no garbage. */
export function whiteNoise(samples: number, drawing: Drawing): Float32Array {
  const noise = new Float32Array(samples)
  let state = drawing.seed() | 1
  for (let at = 0; at < samples; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    noise[at] = state / 2 ** 31
  }
  return noise
}
