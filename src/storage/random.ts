/** Uniform numbers in [0, 1), the same for the same seed: splitmix32 (Steele, Lea & Flood 2014, at 32 bits). */
export function randomNumbers(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
}

/** Puts `values` into random order (Fisher & Yates), and gives them. */
export function shuffled<Values extends { readonly length: number; [place: number]: unknown }>(
  values: Values,
  random: () => number,
): Values {
  for (let last = values.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const value = values[last]
    values[last] = values[other]
    values[other] = value
  }
  return values
}
