import type { SourceFile } from './files/file.ts'

/** The source cannot be used as it is: the message names file, row and column. */
export class SourceError extends Error {}

/**
 * An error of DuckDB without its advice on calling DuckDB, in one line, with the file in front: that which DuckDB
 * names, else `place`.
 */
export function toSourceError(error: unknown, place?: string): unknown {
  if (!(error instanceof Error) || error instanceof SourceError) return error
  const { message } = error
  const file = /^\s*file = (.*)$/m.exec(message)?.[1] ?? place
  const line = /CSV Error on Line: (\d+)/.exec(message)?.[1]
  const text = message
    .split(/\n\s*(?:Possible|\n|LINE \d)/)[0]!
    .replace(/^[\w ]+ Error: /, '')
    .replace(/CSV Error on Line: \d+\s*/, '')
    .replace(/\s*\n\s*/g, '; ')
  const parts = [file, line && `line ${line}`].filter(Boolean).join(', ')
  const remedy = message.includes('Malformed JSON') ? '; correct it, or leave bad rows out with --bad-rows skip' : ''
  const what = `${text.trim()}${remedy}`
  return new SourceError(parts ? `${parts}: ${what}` : what, { cause: error })
}

/** `error` with the names of `files` for the paths that they are read by. */
export function withNames(error: unknown, files: readonly SourceFile[]): unknown {
  if (!(error instanceof Error)) return error
  for (const { path, name } of files) if (path !== name) error.message = error.message.replaceAll(path, name)
  return error
}
