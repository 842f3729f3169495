/** What an article is seen beside when it is decided about; NaN where that is not known. */
export interface ArticleSurroundings {
  /** Articles of the hours before. */
  readonly recent: number
  /** The cosine of the most similar one of these. */
  readonly nearest: number
  /** Its reads until then. */
  readonly reads: number
  /** The mean of ln(1 + reads) of the articles of the hours before. */
  readonly usualReads: number
}

/** Whether an article is pushed, and why. */
export interface SelectDecision {
  /** The lift that is expected of the sends to the users who like it most, and where it lies with 95 %. */
  readonly lift: number
  readonly interval: readonly [number, number]
  readonly isPushed: boolean
  /** Sends of the first round, and of all. */
  readonly firstVolume: number
  readonly mostVolume: number
  /** By how much each feature moved the logarithm of the lift, most first. */
  readonly contributions: readonly { readonly feature: string; readonly value: number; readonly by: number }[]
  readonly reason: string
  /** What it was seen beside: who learns from what came of it is to know no more. Null for NaN, once it was stored. */
  readonly surroundings?: { readonly [Name in keyof ArticleSurroundings]: number | null } | undefined
}
