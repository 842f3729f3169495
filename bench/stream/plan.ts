/** What a load generator does. */
export interface Plan {
  readonly host: string
  readonly port: number
  readonly path: string
  /** Whether the server has our protocol, or only sends back what it gets. */
  readonly protocol: 'aurochs' | 'echo'
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
  /** How often another model will be announced to each socket; what is late is waited for. Default: 0. */
  readonly announcements?: number
  /** A file to write every list to that came, one a line in order of arrival. Default: none. */
  readonly listFile?: string
}

/** What was measured. Latencies in ms, from when an event was due to be sent to the arrival of the list that shows it. */
export interface Outcome {
  readonly sent: number
  readonly acknowledged: number
  readonly shown: number
  /** Errors that the server sent, and sockets that it closed. */
  readonly errors: readonly string[]
  /** Messages that another model is served from now on. */
  readonly announced: number
  /** Sockets whose newest list is not of the model that was announced last. */
  readonly outdated: number
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
