/** What one mix may ask for. Without imports, since the protocol states them. */
export const mixBounds = {
  /** Songs of one list. */
  length: 200,
  /** Minutes of one list. */
  minutes: 1440,
  /** The largest weight of an ingredient, either way. */
  weight: 100,
} as const
