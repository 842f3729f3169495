import type { Command } from 'commander'
import { z } from 'zod'
import { asGiven, mustBe } from '../storage/expectation.ts'
import { NotReplaceableError } from '../storage/not-replaceable.ts'

/** One file a command: each exports a `Register` named `register`, and is listed in main.ts. */
export type Register = (program: Command) => void

/** A mistake of the caller's: its message is all that the terminal shows, and the exit code says what kind it was. */
export class UsageError extends Error {
  readonly exitCode: number
  /** Exit codes: 2 a wrong argument (default), 3 an id is unknown, 130 interrupted. */
  constructor(message: string, exitCode = 2) {
    super(message)
    this.exitCode = exitCode
  }
}

/**
 * Checks what commander gathered, once; inside, the options are trusted.
 *
 * @throws UsageError naming the option.
 */
export function parseOptions<Schema extends z.ZodType>(schema: Schema, given: unknown): z.output<Schema> {
  const { data, error } = schema.safeParse(given)
  if (!error) return data as z.output<Schema>
  const { path, message } = error.issues[0]
  const flag = String(path[0]).replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
  throw new UsageError(`--${flag} ${message}`)
}

/** An option's text as a whole number from `least` to `most`. */
export function wholeNumber(least: number, most: number): z.ZodType<number, string> {
  return z.string().transform((text, context) => {
    const number = Number(text)
    if (/^-?\d+$/.test(text) && number >= least && number <= most) return number
    context.addIssue(`must be a whole number from ${least} to ${most}, got ${asGiven(text)}`)
    return z.NEVER
  })
}

/** An option's text as a share below 1: above 0 or, where there may be none, from 0 on. */
export function share({ orNone = false } = {}): z.ZodType<number, string> {
  const expected = orNone ? 'from 0 to below 1' : 'between 0 and 1'
  return z.string().transform((text, context) => {
    const number = Number(text)
    if (text.trim() !== '' && (number > 0 || (orNone && number === 0)) && number < 1) return number
    context.addIssue(`must be a share ${expected}, got ${asGiven(text)}`)
    return z.NEVER
  })
}

/** An option's text that may not be empty; `what` says what it is: `the name of a column`. */
export function text(what: string) {
  return z.string().min(1, mustBe(what))
}

/** An option's text as a time, in ms since 1970. */
export const instant = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], mustBe('a date or a time such as 2024-05-31T18:30:00Z'))
  .transform(Date.parse)

const milliseconds = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** An option's text such as `30s`, `15m`, `1h` or `90d` as ms, from `least` to `most` of them; `expected` says what it must be. */
export function durationFrom(least: number, most: number, expected: string): z.ZodType<number, string> {
  return z.string().transform((text, context) => {
    const [, number, unit] = /^(\d{1,6}(?:\.\d+)?)([smhd])$/.exec(text) ?? []
    const time = Number(number) * milliseconds[unit as keyof typeof milliseconds]
    if (time >= least && time <= most) return time
    context.addIssue(`must be ${expected}, got ${asGiven(text)}`)
    return z.NEVER
  })
}

/** The same of any length. */
export const duration = durationFrom(0, Number.POSITIVE_INFINITY, 'a time such as 30s, 15m, 1h or 90d')

/** Gathers the values of an option that may be given several times. */
export function several(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}

/**
 * Parses the text of an option by `parse`, whose errors begin with the option's name: `split must be …`.
 *
 * @throws UsageError naming the option.
 */
export function asOption<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) throw new UsageError(`--${error.message}`)
    throw error
  }
}

/** @throws `error`, as a {@link UsageError} where functions throw its kind for a caller's mistakes. */
export function throwUsage(error: unknown): never {
  const isUsage = error instanceof RangeError || error instanceof TypeError || error instanceof NotReplaceableError
  throw isUsage ? new UsageError(error.message) : error
}

/** What `parse` gives. @throws as {@link throwUsage} does what `parse` throws. */
export function asUsage<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    return throwUsage(error)
  }
}
