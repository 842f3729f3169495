/** What a generator is told to do. */
export interface Plan {
  readonly host: string
  readonly port: number
  readonly path: string
  /** Whether the server speaks our protocol, or only sends back what it gets. */
  readonly speaks: 'aurochs' | 'echo'
  /** One socket for each. */
  readonly users: readonly (string | number)[]
  /** Events are about these, each as likely as any other. */
  readonly items: readonly (string | number)[]
  /** Events a second, of all sockets together, at random times (a Poisson process). */
  readonly rate: number
  /** Seconds that count, and before them those that do not. */
  readonly seconds: number
  readonly warmup: number
  readonly seed: number
  /** Distinguishes the event ids of runs on the same state. */
  readonly run: string
}

/** What came of it. Latencies in ms, from when an event was due to be sent to the arrival of the list that shows it. */
export interface Outcome {
  readonly sent: number
  readonly acknowledged: number
  readonly shown: number
  /** Errors that the server told, and sockets lost. */
  readonly errors: readonly string[]
  readonly latency: Percentiles
  /** How late the generator itself was: part of the latency. */
  readonly lateness: Percentiles
  /** From when it was due to the ack. */
  readonly ack: Percentiles
  /** Events shown a second, warm-up left out. */
  readonly rate: number
}

export interface Percentiles {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}
