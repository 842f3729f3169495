/** Lets jobs begin when all of them have a worker: a worker that waits takes no other job, so that each has exactly one. */
export interface Barrier {
  /** Shared: how many jobs have a worker. */
  readonly arrived: Int32Array
  readonly expected: number
}

/** Counts a job in; when it is the last, those that {@link waitAt} the barrier go on. */
export function arriveAt({ arrived }: Barrier): void {
  Atomics.add(arrived, 0, 1)
  Atomics.notify(arrived, 0)
}

/** Counts a job in, and blocks this thread until all are. */
export function waitAt(barrier: Barrier): void {
  const { arrived, expected } = barrier
  arriveAt(barrier)
  for (let count = Atomics.load(arrived, 0); count < expected; count = Atomics.load(arrived, 0)) {
    Atomics.wait(arrived, 0, count)
  }
}
