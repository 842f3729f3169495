import { getPriority } from 'node:os'
import { threadId } from 'node:worker_threads'

/** Niceness of this worker's thread. */
export function niceness(): number {
  return getPriority()
}

/** Counts in each cell of `owners` the workers that claimed it; gives how many cells this worker claimed. */
export function claim({ owners, next }: { owners: Int32Array; next: Int32Array }): number {
  let claimed = 0
  for (let cell = Atomics.add(next, 0, 1); cell < owners.length; cell = Atomics.add(next, 0, 1)) {
    Atomics.add(owners, cell, 1)
    claimed++
  }
  return claimed
}

/** The worker that takes chunk 0 fails at once; the others are still at work for a while. */
export function failFirst({ running, next }: { running: Int32Array; next: Int32Array }): void {
  if (Atomics.add(next, 0, 1) === 0) throw new Error('chunk 0 is bad')
  Atomics.add(running, 0, 1)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
  Atomics.sub(running, 0, 1)
}

/** Sets `running` to 1 for a while. */
export function wait(running: Int32Array): void {
  Atomics.store(running, 0, 1)
  Atomics.wait(running, 0, 1, 500)
  Atomics.store(running, 0, 0)
}

export function threadOf(): number {
  return threadId
}
