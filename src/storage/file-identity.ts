import { statSync } from 'node:fs'

/** Names the file that lies at `path`: one that was removed or replaced is another. Undefined where none can be found. */
export function fileIdentity(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    return undefined
  }
}
