/** Bounds of what is kept. Without imports, since the browser's client reads them, too. */
export const catalogueBounds = {
  /** Characters. */
  idLength: 256,
  titleLength: 1000,
  textLength: 20_000,
  urlLength: 2048,
  labelLength: 128,
  /** Of an item each, and labels of a user. */
  labels: 64,
  /** Different ones of all items. */
  distinctLabels: 1_000_000,
  /** Numbers of a vector. */
  vectorLength: 4096,
  /** Factors of boosts. */
  leastBoost: 0.1,
  mostBoost: 10,
  /** Places to which items can be pinned. */
  pinPlace: 100,
  /** Of all items. */
  boosts: 10_000,
  pins: 1000,
} as const
