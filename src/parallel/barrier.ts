/** In ms: longer than the jobs that may come before. */
const longestWait = 30_000

/** What lets jobs begin when all of them have a worker: one that waits takes no other job, so that each has exactly one. */
export interface Barrier {
  /** Shared: how many of the jobs have come, then 1 for each of them that has. */
  readonly arrivals: Int32Array
  readonly jobs: number
  /** Which of them this is, from 0. */
  readonly job: number
}

/** A barrier for each of `jobs` that wait for each other. */
export function barriersOf(jobs: number): Barrier[] {
  const arrivals = new Int32Array(new SharedArrayBuffer((1 + jobs) * Int32Array.BYTES_PER_ELEMENT))
  return Array.from({ length: jobs }, (_, job) => ({ arrivals, jobs, job }))
}

/** Counts the job in, once however often it is called; with the last, those that {@link waitAt} the barrier go on. */
export function arriveAt({ arrivals, job }: Barrier): void {
  if (Atomics.exchange(arrivals, 1 + job, 1) === 1) return
  Atomics.add(arrivals, 0, 1)
  Atomics.notify(arrivals, 0)
}

/**
 * Counts the job in, and blocks this thread until all are.
 *
 * @throws Error when they are not after `longest` ms, as where the machine gives no more threads.
 */
export function waitAt(barrier: Barrier, longest = longestWait): void {
  const { arrivals, jobs } = barrier
  arriveAt(barrier)
  const end = performance.now() + longest
  for (let count = Atomics.load(arrivals, 0); count < jobs; count = Atomics.load(arrivals, 0)) {
    const remaining = Math.max(0, end - performance.now())
    if (Atomics.wait(arrivals, 0, count, remaining) !== 'timed-out') continue
    throw new Error(`${jobs} workers must be ready, but ${count} are after ${longest / 1000} s: ask for fewer threads`)
  }
}
