import { readdirSync, readFileSync } from 'node:fs'

/** What is opened beside sockets while the server runs: another model with all its files in each worker, the event log. */
const kept = 256

/**
 * How many sockets this process may still open: its limit of open files (`ulimit -n`) less those that are open and some for
 * other files. With none left, an arriving connection could be neither taken nor refused. Undefined where the system does
 * not say.
 */
export function socketsLeft(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return limit === undefined ? undefined : Number(limit) - readdirSync('/proc/self/fd').length - kept
  } catch {
    return undefined
  }
}
