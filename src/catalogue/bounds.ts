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
} as const
