import { positiveInteger, positiveNumber } from '../support/options.ts'

/** The load that a bench puts on the server. */
export interface Load {
  /** Seconds of each run that count, and before them those that do not. */
  readonly seconds: number
  readonly warmup: number
  readonly sockets: number
  /** Events a second, of all sockets together. */
  readonly rate: number
}

/** The options of a load as `parseArgs` takes them; `seconds` is the default length of a run. */
export function loadOptions(seconds: number) {
  return {
    seconds: { type: 'string', default: String(seconds) },
    warmup: { type: 'string', default: '3' },
    sockets: { type: 'string', default: '1000' },
    rate: { type: 'string', default: '1000' },
  } as const
}

/**
 * The load that parsed options ask for.
 *
 * @throws TypeError naming the first option that is no such number.
 */
export function loadOf(values: Readonly<Record<keyof Load, string>>): Load {
  return {
    seconds: positiveNumber('seconds', values.seconds),
    warmup: positiveNumber('warmup', values.warmup),
    sockets: positiveInteger('sockets', values.sockets),
    rate: positiveNumber('rate', values.rate),
  }
}
