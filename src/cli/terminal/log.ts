import pino, { type Logger, type LoggerOptions } from 'pino'

/** What the lines are written to: stderr, or what takes its place. */
type LogStream = Pick<NodeJS.WriteStream, 'isTTY' | 'write'>

/** The log of a server: JSON lines, or lines for people where `stream` is a terminal. */
export function openLog(level: NonNullable<LoggerOptions['level']>, stream: LogStream = process.stderr): Logger {
  const write = (line: string) => stream.write(stream.isTTY ? forPeople(JSON.parse(line)) : line)
  return pino({ level }, { write })
}

interface LogLine {
  readonly level: number
  /** ms since 1970. */
  readonly time: number
  readonly msg?: string
  readonly err?: { readonly message: string; readonly stack?: string }
  readonly [field: string]: unknown
}

function forPeople({ level, time, msg, err, pid: _, hostname: __, ...fields }: LogLine): string {
  const clock = new Date(time).toTimeString().slice(0, 8)
  const labels = pino.levels.labels as Readonly<Record<number, string>>
  const named = Object.entries(fields).map(([name, value]) => `${name} ${JSON.stringify(value)}`)
  const parts = [msg, ...named, ...(err ? [err.stack ?? err.message] : [])].filter(part => part !== undefined)
  return `${clock} ${labels[level] ?? level}: ${parts.join('; ')}\n`
}
