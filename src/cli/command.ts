import type { Command } from 'commander'

/** One file a command: each exports a `Register`, listed in main.ts. */
export type Register = (program: Command) => void

/** A mistake of the caller's: its message is all that the terminal shows, and the exit code says what kind it was. */
export class UsageError extends Error {
  readonly exitCode: number
  /** Exit codes: 2 what was asked is wrong (default), 3 an id is unknown, 130 interrupted. */
  constructor(message: string, exitCode = 2) {
    super(message)
    this.exitCode = exitCode
  }
}
