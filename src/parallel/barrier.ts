/** In ms. A worker may be busy for long, but one that does not start must not keep the others for ever. */
const longestWait = 300_000
/** In place of the number of arrivals: nobody goes on any more. */
const broken = -(2 ** 30)

/** What one of several participants knows of a barrier, where each waits until all have arrived. */
export interface Barrier {
  /** Shared. First the number of arrivals, or `broken` and more; then for each participant 1 once it has arrived. */
  readonly arrivals: Int32Array
  readonly participants: number
  /** Which of them this is, from 0. */
  readonly index: number
}

/** A barrier for as many participants, as each of them knows it. */
export function barrierFor(participants: number): Barrier[] {
  const arrivals = new Int32Array(new SharedArrayBuffer((1 + participants) * Int32Array.BYTES_PER_ELEMENT))
  return Array.from({ length: participants }, (_, index) => ({ arrivals, participants, index }))
}

/** Counts the participant in, once however often it is called; with the last, those that {@link waitAt} the barrier go on. */
export function arriveAt({ arrivals, index }: Barrier): void {
  if (Atomics.exchange(arrivals, 1 + index, 1) === 1) return
  Atomics.add(arrivals, 0, 1)
  Atomics.notify(arrivals, 0)
}

/**
 * Counts the participant in, and blocks this thread until all are.
 *
 * @throws Error when they have not arrived after `longest` ms: then all that wait or come later fail.
 */
export function waitAt(barrier: Barrier, longest = longestWait): void {
  const { arrivals, participants } = barrier
  arriveAt(barrier)
  const end = performance.now() + longest
  for (let count = Atomics.load(arrivals, 0); count < participants; count = Atomics.load(arrivals, 0)) {
    if (count < 0)
      throw new Error(`${participants} workers must be ready at once, but were not in time: try again later`)
    if (Atomics.wait(arrivals, 0, count, Math.max(0, end - performance.now())) !== 'timed-out') continue
    Atomics.store(arrivals, 0, broken)
    Atomics.notify(arrivals, 0)
    throw new Error(
      `${participants} workers must be ready, but ${count} are after ${longest / 1000} s, the others busy or not started: try again later, or with fewer threads`,
    )
  }
}
