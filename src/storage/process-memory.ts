import { totalmem } from 'node:os'

/** Bytes that the machine has, or that the process is confined to where that is less. */
export function processMemory(): number {
  // 0 where it is unknown, beyond all memory where there is no limit.
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

/** For people: `3.5 GB`. */
export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`
}
