import { readFileSync } from 'node:fs'

/** Paths of the files that this process has mapped; none where the system does not tell. */
export function mappedFiles(): string[] {
  if (process.platform !== 'linux') return []
  const lines = readFileSync('/proc/self/maps', 'utf8').split('\n')
  return lines.map(line => line.slice(73).replace(/ \(deleted\)$/, ''))
}
