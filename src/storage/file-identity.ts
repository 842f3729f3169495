import { statSync } from 'node:fs'

/** Which files lie at some paths: a file that was removed or replaced is another one. */
export class FileIdentity {
  readonly #files: readonly { readonly path: string; readonly id: string }[]

  /** @throws Error when one of `paths` is not there. */
  constructor(paths: readonly string[]) {
    this.#files = paths.map(path => ({ path, id: idOf(path)! }))
  }

  /** The first of the paths where another file lies than at first, or none; undefined where all are in place. */
  changed(): string | undefined {
    return this.#files.find(({ path, id }) => idOf(path, false) !== id)?.path
  }
}

function idOf(path: string, throwIfNoEntry = true): string | undefined {
  const found = statSync(path, { throwIfNoEntry, bigint: true })
  return found && `${found.dev}:${found.ino}`
}
