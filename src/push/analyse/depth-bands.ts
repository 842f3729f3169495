/** Depths that are told apart, by rank: each twice as deep as the one before. */
const first = 100

/** The number of the band that a rank lies in, from 0. */
export function bandOf(rank: number): number {
  return rank < first ? 0 : 32 - Math.clz32(Math.floor(rank / first))
}

/** Ranks of a band: from the first to before `to`. */
export function rangeOf(band: number): { readonly from: number; readonly to: number } {
  return { from: band === 0 ? 0 : first * 2 ** (band - 1), to: first * 2 ** band }
}

/** Bands of all ranks that there can be. */
export const bandCount = bandOf(0xffff_ffff) + 1
