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
  return new SourceError(parts ? `${parts}: ${text.trim()}` : text.trim(), { cause: error })
}
