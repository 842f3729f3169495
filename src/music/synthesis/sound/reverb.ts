/** Seconds of the delays, which share no divisor (after Schroeder 1962, with Moorer's low-pass in each loop). */
const combs = [0.0297, 0.0371, 0.0411, 0.0437]
const passes = [0.005, 0.0017]

/** What a room adds to `dry`, as a new array; it falls by 60 dB in `seconds`. */
export function reverb(dry: Float32Array, rate: number, seconds: number): Float32Array {
  const wet = new Float32Array(dry.length)
  for (const delay of combs) comb(dry, wet, Math.round(delay * rate), 10 ** ((-3 * delay) / seconds))
  for (const delay of passes) pass(wet, Math.round(delay * rate))
  return wet
}

function comb(dry: Float32Array, wet: Float32Array, length: number, kept: number): void {
  const line = new Float32Array(length)
  let [place, smooth] = [0, 0]
  for (let at = 0; at < dry.length; at++) {
    const delayed = line[place]!
    smooth += 0.7 * (delayed - smooth)
    line[place] = dry[at]! + kept * smooth
    wet[at] = wet[at]! + 0.25 * delayed
    if (++place === length) place = 0
  }
}

/** In place: all frequencies as loud as before, later by different times. */
function pass(samples: Float32Array, length: number): void {
  const line = new Float32Array(length)
  let place = 0
  for (let at = 0; at < samples.length; at++) {
    const delayed = line[place]!
    const input = samples[at]! + 0.6 * delayed
    line[place] = input
    samples[at] = delayed - 0.6 * input
    if (++place === length) place = 0
  }
}
