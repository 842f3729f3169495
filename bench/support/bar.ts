/** One requirement on speed or quality, and whether this run met it. */
export interface Bar {
  /** What is measured, with its unit: `seconds an epoch, k = 64, against implicit`. */
  readonly name: string
  readonly figure: number
  readonly bar: number
  readonly holds: boolean
}

export interface BenchOptions {
  /** Print one JSON object a line and nothing else on stdout. */
  readonly json: boolean
  /** A file to use in place of the bench's own data. */
  readonly data?: string
  /** What else is on the command line, for the bench to parse. */
  readonly rest: readonly string[]
}

/** What each `bench/NAME.ts` exports as `run`: it prints what it measures as it goes and gives its bars at the end. */
export type Bench = (options: BenchOptions) => Promise<Bar[]>

/** The figure must reach the bar. */
export function atLeast(name: string, figure: number, bar: number): Bar {
  return { name, figure, bar, holds: figure >= bar }
}

/** The figure must not exceed the bar. */
export function atMost(name: string, figure: number, bar: number): Bar {
  return { name, figure, bar, holds: figure <= bar }
}
