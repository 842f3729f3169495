/** Jobs that begin when all of them have a worker: one that has a job waits, takes no other, and so has exactly one. */
export interface Rendezvous {
  /** Shared: how many jobs have a worker. */
  readonly arrived: Int32Array
  readonly expected: number
}

/** Counts a job in; those that {@link meet} go on when it was the last. */
export function arrive({ arrived }: Rendezvous): void {
  Atomics.add(arrived, 0, 1)
  Atomics.notify(arrived, 0)
}

/** Counts a job in, and blocks this thread until all are. */
export function meet(rendezvous: Rendezvous): void {
  const { arrived, expected } = rendezvous
  arrive(rendezvous)
  for (let count = Atomics.load(arrived, 0); count < expected; count = Atomics.load(arrived, 0)) {
    Atomics.wait(arrived, 0, count)
  }
}
