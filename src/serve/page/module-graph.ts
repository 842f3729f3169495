import { posix } from 'node:path'

/** What a module imports or exports from another by a relative path, types left out. */
const references = /^(?:import|export)\b[^'";()=]*['"](\.[^'"]+)['"]/gm

/**
 * The module at `entry` and all that it imports, directly or not, by path; each before what it imports. `read` gives the text of
 * a module.
 */
export function modulesFrom(entry: string, read: (path: string) => string): Map<string, string> {
  const modules = new Map<string, string>()
  const queue = [entry]
  for (const path of queue) {
    if (modules.has(path)) continue
    const text = read(path)
    modules.set(path, text)
    for (const [, reference] of text.matchAll(references)) queue.push(posix.join(posix.dirname(path), reference!))
  }
  return modules
}
